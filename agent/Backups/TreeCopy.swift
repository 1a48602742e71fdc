import Effects
import ReleaseDefinition

/// Copies a file or a folder with modes, owners and times; a reflink where the file system has them. Each copy is read again
/// and compared with what was read from the original.
struct TreeCopy {
    /// Bytes of the files that were copied.
    private(set) var size: Int64 = 0

    /// - Precondition: nothing is at `target` in `there`.
    /// - Throws: `agent.backup.differs`: a copy does not hold what was read, or the original changed meanwhile.
    mutating func copy(_ source: String, in here: Directory, to target: String, in there: Directory) throws {
        guard let status = try here.status(source) else { return }
        switch status.kind {
        case .directory:
            let (from, to) = (try here.directory(source), try there.createDirectory(target, mode: 0o700))
            for entry in try from.list() { try copy(entry.name, in: from, to: entry.name, in: to) }
            try to.setOwner(status.ownerID, group: status.groupID)
            try to.setMode(status.mode)
            try to.sync()
        case .symlink: try there.createSymlink(target, to: here.readLink(source))
        case .file: try copyFile(here.openFile(source), status, to: there.createFile(target, mode: 0o600))
        case .other: break
        }
    }

    private mutating func copyFile(_ source: OpenFile, _ status: FileStatus, to target: OpenFile) throws {
        if try !target.clone(source) {
            while case let piece = try source.read(upTo: 1 << 18), !piece.isEmpty { try target.write(piece) }
        }
        try target.setOwner(status.ownerID, group: status.groupID)
        try target.setMode(status.mode)
        try target.setModified(at: status.modifiedAt)
        try target.sync()
        guard try Self.digest(source) == Self.digest(target) else {
            throw AgentError(
                code: "backup.differs",
                summary: "\(source.path) changed while it was copied, or its copy does not hold.",
                remedy:
                    "What writes there must stop first: name it as the unit's service, or stop it in the preStop hook.")
        }
        size += status.size.value
    }

    static func digest(_ file: OpenFile) throws -> SHA256Digest {
        var hasher = SHA256Hasher()
        var offset: Int64 = 0
        while case let piece = try file.read(at: offset, count: 1 << 18), !piece.isEmpty {
            hasher.update(piece)
            offset += Int64(piece.count)
        }
        return hasher.finish()
    }

    /// Bytes that a copy takes at most.
    static func size(of path: String, in here: Directory) throws -> Int64 {
        guard let status = try? here.status(path) else { return 0 }
        guard status.kind == .directory else { return status.size.value + 4096 }
        let folder = try here.directory(path)
        return try folder.list().reduce(4096) { try $0 + size(of: $1.name, in: folder) }
    }
}
