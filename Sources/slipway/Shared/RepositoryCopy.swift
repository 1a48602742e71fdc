import Effects
import ReleaseDefinition

/// Brings a folder up to a repository's state in the order of package-format.md: blobs, targets, metadata, timestamp,
/// director, each durable before the next.
///
/// The two kinds of mutable file are read before anything else: whatever they name exists by then and is never changed,
/// so that a repository that is being published meanwhile is copied as it was at that moment.
struct RepositoryCopy {
    struct Result: Equatable {
        var files = 0
        var bytes = ByteCount(0)
    }

    let source: Directory
    let destination: Directory
    private let line = CountLine()
    private static let pieceSize = 1 << 20
    private static let mutableSizeMax = ByteCount(8 << 20)

    init(from source: Directory, to destination: Directory) {
        self.source = source
        self.destination = destination
    }

    func run() throws -> Result {
        defer { line.clear() }
        var result = Result()
        let timestamp = try source.read("metadata/timestamp.json", sizeMax: Self.mutableSizeMax)
        let director = try Self.files(of: source, below: "director").map { path in
            (path, try source.read(path, sizeMax: Self.mutableSizeMax))
        }
        for folder in ["blobs", "targets", "metadata"] {
            for path in try Self.files(of: source, below: folder) where path != "metadata/timestamp.json" {
                try copy(path, &result)
            }
        }
        for (path, bytes) in [("metadata/timestamp.json", timestamp)] + director {
            guard try destination.readIfPresent(path, sizeMax: Self.mutableSizeMax) != bytes else { continue }
            try makeFolder(of: path)
            try destination.writeDurably(path, bytes)
            result.files += 1
            result.bytes = ByteCount(result.bytes.value + Int64(bytes.count))
        }
        return result
    }

    /// Regular files, their paths from the root of the repository, sorted.
    static func files(of source: Directory, below folder: String) throws -> [String] {
        guard try source.status(folder) != nil else { return [] }
        var found: [String] = []
        for entry in try source.list(folder) where !entry.name.hasPrefix(".") {
            let path = "\(folder)/\(entry.name)"
            switch entry.kind {
            case .directory: found += try files(of: source, below: path)
            case .file: found.append(path)
            default: break
            }
        }
        return found
    }

    /// An immutable file that is there already is left alone. A blob's name is its digest: its full length is enough. Of
    /// the others an earlier publish that was cut short may have left one of the same name and length: bytes are compared.
    private func copy(_ path: String, _ result: inout Result) throws {
        let file = try source.openFile(path)
        let size = try file.size()
        if let there = try destination.status(path), there.size == size {
            if path.hasPrefix("blobs/") { return }
            if try destination.read(path, sizeMax: size) == source.read(path, sizeMax: size) { return }
        }
        try makeFolder(of: path)
        let (folder, name) = Directory.split(path)
        let temporary = "\(folder)/.publishing-\(name)"
        try destination.removeFile(temporary)
        let copy = try destination.createFile(temporary)
        var offset: Int64 = 0
        while offset < size.value {
            let piece = try file.read(at: offset, count: Self.pieceSize)
            guard !piece.isEmpty else { break }
            try copy.write(piece)
            offset += Int64(piece.count)
            line.show("\(result.files.of("file")), \(ByteCount(result.bytes.value + offset)) written")
        }
        try copy.sync()
        try destination.rename(temporary, to: path)
        result.files += 1
        result.bytes = ByteCount(result.bytes.value + offset)
    }

    private func makeFolder(of path: String) throws {
        _ = try destination.createDirectory(Directory.split(path).folder)
    }
}
