import Effects
import ReleaseDefinition
import ReleaseTrust

/// Fetches targets of any TUF repository into a folder, each as one file named by its whole path, percent-encoded.
struct TargetFetcher: Sendable {
    let http: any HTTPDoor
    let address: RepositoryAddress
    let directory: Directory
    /// For the shortest of files.
    let timeout: TimeSpan

    private static let pieceSize = 1 << 20

    /// A file of that name with the right bytes is kept, and nothing is asked for. TUF 5.7.3.
    /// - Returns: the file's name in the folder.
    /// - Throws: `trust.target.…`; what was there before stays.
    func fetch(_ target: TargetFile, consistentSnapshot: Bool) async throws -> String {
        try target.requirePlainPath()
        let name = try Self.fileName(target.path)
        if try isThere(target, name) { return name }
        let partial = ".partial.\(name.utf8.count).\(SHA256Digest(of: Array(name.utf8)).short)"
        try directory.removeFile(partial)
        let file = try directory.createFile(partial)
        do {
            try await transfer(target, from: target.filePath(consistentSnapshot: consistentSnapshot), into: file)
            // Read back by the same descriptor: what was hashed is what gets the name.
            try Self.verify(target, file)
            try file.sync()
            try directory.rename(partial, to: name)
        } catch {
            try? directory.removeFile(partial)
            throw error
        }
        return name
    }

    /// - Throws: `distribution.target.name`, where the encoded path is longer than a file's name may be.
    private static func fileName(_ path: String) throws -> String {
        let name = MetadataFile.encoded(path)
        guard name.utf8.count <= 255, name != ".", name != ".." else {
            throw DistributionError(
                code: "target.name",
                summary: "\(path.debugDescription) becomes a file name of \(name.utf8.count) bytes, at most 255 are "
                    + "possible.", remedy: "Nothing was fetched. Ask the repository's owner for a shorter path.")
        }
        return name
    }

    private func isThere(_ target: TargetFile, _ name: String) throws -> Bool {
        guard let status = try directory.status(name), status.kind == .file, status.size == target.length else {
            return false
        }
        do { try Self.verify(target, directory.openFile(name)) } catch is TrustError { return false }
        return true
    }

    private func transfer(_ target: TargetFile, from path: String, into file: OpenFile) async throws {
        let (address, url) = (address, address.target(path))
        // And 64 KiB/s at least.
        let timeout = timeout + .seconds(target.length.value >> 16)
        try await http.download(
            address.request(url: url, sizeMax: target.length, timeout: timeout),
            head: { head in if head.status != 200 { throw address.error(head.status, url: url) } },
            receive: { piece in try file.write(piece) })
    }

    private static func verify(_ target: TargetFile, _ file: OpenFile) throws {
        let verifier = target.verifier()
        var offset: Int64 = 0
        while true {
            let piece = try file.read(at: offset, count: pieceSize)
            if piece.isEmpty { break }
            verifier.update(piece)
            offset += Int64(piece.count)
        }
        try verifier.finish()
    }
}
