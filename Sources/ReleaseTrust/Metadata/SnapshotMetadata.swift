import ReleaseDefinition

/// snapshot: the version of every targets file. TUF 4.4.
struct SnapshotMetadata: Sendable {
    static let name = "snapshot"

    let file: SignedMetadata
    /// By the bytes of the file's name: a `String` key would merge names that are canonically equivalent.
    let files: [[UInt8]: FileReference]

    init(parsing bytes: [UInt8]) throws(TrustError) {
        file = try SignedMetadata(
            parsing: bytes, role: Self.name, type: Self.name, sizeMax: TrustLimits.snapshotSizeMax)
        let signed = MetadataReader(value: file.signed, role: Self.name, path: "signed")
        var files: [[UInt8]: FileReference] = [:]
        for (name, reference) in try signed.member("meta").members() {
            files[Array(name.utf8)] = try FileReference(reading: reference)
        }
        self.files = files
    }

    func reference(role: String) -> FileReference? { files[Array("\(role).json".utf8)] }
}
