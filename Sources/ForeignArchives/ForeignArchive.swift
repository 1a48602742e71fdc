import Effects
import ReleaseDefinition
import ReleasePackaging

/// An archive that was unpacked.
public struct UnpackedArchive: Sendable {
    public var kind: ArchiveKind
    /// Of the archive's own bytes.
    public var blob: BlobReference
    /// Only of a `.deb`.
    public var debian: DebianPackage?
}

/// Other people's archives. libarchive finds headers and data, zlib undoes gzip; the tree is made here, by the rules that
/// hold for packages: see `TreeMaker`.
public enum ForeignArchive {
    /// Makes the tree of an archive in `directory`, an empty folder.
    /// - Parameter name: of the archive, as the operator wrote it: it decides what the archive must be.
    /// - Throws: `foreignArchives.…`, `packaging.path.…`, `effects.file.…`; what was made is left for the caller to remove.
    public static func unpack(
        _ file: OpenFile, named name: String, into directory: Directory, bounds: ArchiveBounds = .init()
    ) throws -> UnpackedArchive {
        guard let kind = ArchiveKind(name: name) else {
            throw ForeignArchiveError(
                "kind", in: name, "is of no known kind", remedy: "Name a folder, or a \(ArchiveKind.list) file.")
        }
        // The folder is the caller's own: no message should name it.
        let directory = try directory.shown(as: name)
        let stream = FileStream(file)
        let size = try file.size()
        let maker = TreeMaker(directory, archive: name, bounds: bounds, listsFiles: kind == .deb)
        var debian: DebianPackage?
        let tar = TarUnpacking(archive: name, streamMax: bounds.streamMax(archive: size))
        switch kind {
        case .tar: try tar.run(stream) { try maker.add($0, content: $1) }
        case .tarGzip: try tar.run(GzipStream(stream, name: name)) { try maker.add($0, content: $1) }
        case .tarZstd:
            try tar.run(DecompressedStream(.zstd, stream, name: name)) { try maker.add($0, content: $1) }
        case .deb: debian = try DebianArchive(name: name, tar: tar).read(stream) { try maker.add($0, content: $1) }
        }
        try maker.finish()
        debian?.files = maker.files
        if let package = debian { debian?.copyright = try copyright(of: package, in: directory) }
        return UnpackedArchive(kind: kind, blob: try stream.finish(), debian: debian)
    }

    private static func copyright(of package: DebianPackage, in directory: Directory) throws -> DebianCopyright? {
        // The name stands in a path: only what Debian allows.
        guard DebianPackage.isName(package.name) else { return nil }
        let path = "usr/share/doc/\(package.name)/copyright"
        guard try directory.status(path)?.kind == .file else { return nil }
        return DebianCopyright(try directory.read(path, sizeMax: ByteCount(16 << 20)))
    }
}

/// Reads one tar stream to its very end.
struct TarUnpacking {
    let archive: String
    let streamMax: Int64

    /// - Parameter use: is given each header, and the archive to take its content from.
    func run(_ source: any ByteStream, _ use: (ArchiveHeader, LibraryArchive) throws -> Void) throws {
        let guardian = TarGuard(archive: archive)
        let stream = EvenStream(source) { [archive, streamMax] length in
            guard length <= streamMax else {
                throw ForeignArchiveError(
                    "size", in: archive, "unpacks to more than \(ByteCount(streamMax))",
                    remedy: "Check that it is what it should be; split it into several release units if it is.")
            }
        }
        let tar = try LibraryArchive(.tar, GuardedStream(stream, guardian), name: archive)
        while let header = try tar.next() { try use(header, tar) }
        try checkEnd(tar, stream)
    }

    /// An archive ends with zeros, and nothing but zeros may follow.
    private func checkEnd(_ tar: LibraryArchive, _ stream: EvenStream) throws {
        guard tar.position - tar.headerPosition >= 512 else {
            throw ForeignArchiveError(
                "truncated", in: archive, "ends without the zeros that end a tar",
                remedy: "Copy or make it again: it has lost its end.")
        }
        let unused = min(max(stream.length - tar.position, 0), Int64(stream.last.count))
        var rest = UnsafeRawBufferPointer(rebasing: stream.last[(stream.last.count - Int(unused))...])
        var passed = 0
        repeat {
            passed += rest.count
            guard rest.allSatisfy({ $0 == 0 }), passed <= 1 << 20 else {
                throw ForeignArchiveError(
                    "trailing", in: archive, "has data behind its end",
                    remedy: "Make it again as one archive; other tools would not show what follows.")
            }
            rest = try stream.next()
        } while !rest.isEmpty
    }
}
