import ReleaseDefinition

@testable import ReleaseTrust

/// A metadata file of any role, a stored file, an envelope: refused with a word, or read the same twice; what it names
/// becomes neither a path nor a trap.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    do {
        let root = try RootMetadata(parsing: bytes, accepting: .all)
        promise(root.file.version >= 1 && root.file.version < .max, "a version has a successor")
        promise(root.keys(of: .root).threshold >= 1, "no threshold is zero")
        _ = try TrustedMetadata(root: bytes, at: UTCInstant(secondsSince1970: 0), accepting: .all)
    } catch { refused(error) }
    do {
        let timestamp = try TimestampMetadata(parsing: bytes)
        promise(timestamp.snapshot.version >= 1, "a version is positive")
    } catch { refused(error) }
    do {
        let snapshot = try SnapshotMetadata(parsing: bytes)
        promise(snapshot.files.count == (try SnapshotMetadata(parsing: bytes)).files.count, "read the same twice")
    } catch { refused(error) }
    do {
        let targets = try TargetsMetadata(parsing: bytes, role: "role", accepting: .all)
        for role in targets.delegations?.roles ?? [] {
            let name = MetadataFile.name(role: role.name, version: 1)
            promise(!name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0), "one component")
            promise(name.utf8.count <= 255, "a file can have it")
            for path in ["", "/", "a/b", role.name] { _ = role.covers(path) }
        }
    } catch { refused(error) }
    do {
        let envelope = try DSSEEnvelope(json: try JSONValue(parsing: bytes))
        _ = try envelope.verify(type: Assignment.payloadType, keys: [], threshold: 1)
    } catch { refused(error) }
    do { _ = try Assignment(payload: bytes) } catch { refused(error) }
    return 0
}
