import Effects
import ReleaseDefinition
import ReleaseTrust

/// A host's trusted metadata on its disk: the exact bytes that were verified, each file replaced durably.
///
/// Whatever lies there may be damaged. What cannot be read is moved aside (`NAME.damaged`), never fatal: the network
/// heals it, and the root falls back to the one that the host was enrolled with.
struct MetadataStore: Sendable {
    let directory: Directory

    /// No `.json`: it is no role's file.
    static let pinnedName = "pinned-root"
    private static let rootName = MetadataFile.storedName(role: "root")
    private static let topNames: Set<String> = ["timestamp.json", "snapshot.json", "targets.json"]

    /// Enrolment: the first root, believed because its digest came with the join string.
    func pin(_ root: [UInt8]) throws {
        try directory.writeDurably(Self.pinnedName, root)
        try directory.writeDurably(Self.rootName, root)
    }

    /// Every readable file by its name.
    /// - Returns: also what was moved aside.
    func load() throws -> (files: [String: [UInt8]], damaged: [String]) {
        var (files, damaged) = ([String: [UInt8]](), [String]())
        for entry in try directory.list() where entry.name.hasSuffix(".json") {
            let sizeMax = entry.name == Self.rootName ? TrustLimits.rootSizeMax : TrustLimits.targetsSizeMax
            if entry.kind == .file, let bytes = try read(entry.name, sizeMax: sizeMax) {
                files[entry.name] = bytes
            } else {
                try quarantine(entry.name)
                damaged.append(entry.name)
            }
        }
        return (files, damaged)
    }

    func pinned() throws -> [UInt8]? {
        try directory.readIfPresent(Self.pinnedName, sizeMax: TrustLimits.rootSizeMax)
    }

    /// nil for what is no JSON, too long, or cannot be read for its own sake; a failing disk is thrown.
    private func read(_ name: String, sizeMax: ByteCount) throws -> [UInt8]? {
        do {
            let bytes = try directory.read(name, sizeMax: sizeMax)
            // The large ones are parsed once, by the trust core, which says so too.
            if Self.topNames.contains(name) { return bytes }
            return (try? JSONValue(parsing: bytes)) == nil ? nil : bytes
        } catch let error as EffectsError
            where ["effects.file.tooLarge", "effects.file.notFile", "effects.file.absent"].contains(error.code)
        { return nil }
    }

    func quarantine(_ name: String) throws {
        try directory.removeTree("\(name).damaged")
        try directory.rename(name, to: "\(name).damaged")
    }

    func apply(_ change: StoreChange) throws {
        switch change {
        case .write(let name, let bytes): try directory.writeDurably(name, bytes)
        case .remove(let name):
            try directory.removeFile(name)
            try directory.sync()
        }
    }
}
