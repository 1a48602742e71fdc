import Effects
import ReleaseDefinition

/// A release folder as one tar stream, for the way from an operator's machine to the controller. The same deterministic
/// writer and strict reader as for packages.
public enum SourceArchive {
    /// Hands the stream on in pieces of at most 1 MiB.
    /// - Throws: `packaging.source.…`, `packaging.path.…`, what `sink` throws.
    public static func write(_ source: Directory, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let stream = SourceStream(root: source, entries: try TreeScan.scan(source))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var position: Int64 = 0
        while position < stream.length {
            let count = Int(clamping: min(Int64(buffer.count), stream.length - position))
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            _ = try stream.read(at: position, into: piece)
            try sink(UnsafeRawBufferPointer(piece))
            position += Int64(count)
        }
    }

    /// To a file, in bounded memory.
    /// - Throws: `packaging.source.size` and what `write` throws.
    public static func write(
        _ source: Directory, to file: OpenFile, sizeMax: ByteCount = ByteCount(4 << 30)
    ) throws {
        var size = 0
        try write(source) { piece in
            size += piece.count
            try check(size, sizeMax, source)
            try file.write(piece)
        }
    }

    /// All of it in memory, for small folders.
    /// - Throws: `packaging.source.size` and what `write` throws.
    public static func bytes(of source: Directory, sizeMax: ByteCount = ByteCount(64 << 20)) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try write(source) { piece in
            try check(bytes.count + piece.count, sizeMax, source)
            bytes += piece
        }
        return bytes
    }

    private static func check(_ size: Int, _ sizeMax: ByteCount, _ source: Directory) throws {
        guard size <= sizeMax.value else {
            throw PackagingError(
                code: "source.size", summary: "The release folder \(source.path) has more than \(sizeMax).",
                remedy: "Remove what does not belong to the release, or build the package here and submit that.")
        }
    }

    /// Makes the archive's tree in `directory`, an empty folder. Refuses anything but files, folders and relative links
    /// that stay inside; links are made after all files. Not made durable.
    /// - Throws: `packaging.archive.…`, `packaging.path.…`, `effects.file.…`; what was made is left for the caller to remove.
    public static func extract(
        _ archive: some ByteSource, into directory: Directory, limits: ArchiveLimits = .init()
    ) throws {
        var reader = TarReader(archive, limits: limits)
        let maker = FileMaker(root: directory, accounts: try HostAccounts(resolving: []))
        var links: [(EntryPath, LinkTarget)] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while let entry = try reader.next() {
            switch entry.content {
            case .directory: try directory.createDirectory(entry.path.text, mode: 0o755)
            case .link(let target): links.append((entry.path, target))
            case .file:
                let file = try maker.folder(of: entry.path).makeFile(String(entry.path.name), mode: 0o600)
                while case let got = try reader.readContent(into: buffer), got > 0 {
                    try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                }
                try file.setMode(entry.mode & 0o100 == 0 ? 0o644 : 0o755)
            }
        }
        for (path, target) in links { try directory.createSymlink(path.text, to: target.text) }
    }

    public static func extract(
        _ bytes: [UInt8], into directory: Directory, limits: ArchiveLimits = .init()
    ) throws {
        try extract(ByteArraySource(bytes), into: directory, limits: limits)
    }
}
