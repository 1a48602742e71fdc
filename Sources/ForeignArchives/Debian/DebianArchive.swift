import ReleaseDefinition
import ReleasePackaging

/// A `.deb` on its outside: `debian-binary`, `control.tar.*`, `data.tar.*`, in this order. Source: deb(5).
struct DebianArchive {
    private static let controlSizeMax = 1 << 20

    let name: String
    /// For the payload.
    let tar: TarUnpacking

    /// - Parameter use: is given each entry of `data.tar`.
    func read(
        _ source: any ByteStream, _ use: (ArchiveHeader, LibraryArchive) throws -> Void
    ) throws -> DebianPackage {
        let outer = try LibraryArchive(.ar, source, name: name)
        var package: DebianPackage?
        var (count, hasData) = (0, false)
        while let header = try outer.next() {
            count += 1
            let member = String(decoding: header.path, as: UTF8.self)
            // Members whose name begins with an underscore are extensions that readers pass over.
            if count > 1, member.hasPrefix("_"), count < 100 { continue }
            switch (count, package, hasData) {
            case (1, nil, false):
                guard member == "debian-binary", try content(outer, sizeMax: 64).starts(with: "2.".utf8) else {
                    throw refuse("does not begin with debian-binary 2.0")
                }
            case (_, nil, false) where member.hasPrefix("control.tar"):
                package = try control(try decompressed(EntryStream(outer), member))
            case (_, .some, false) where member.hasPrefix("data.tar"):
                try tar.run(decompressed(EntryStream(outer), member), use)
                hasData = true
            default: throw refuse("has \(EntryPath.shown(member)) where a package has its next part")
            }
        }
        guard let package, hasData else { throw refuse("lacks control.tar or data.tar") }
        return package
    }

    private func decompressed(_ stream: any ByteStream, _ member: String) throws -> any ByteStream {
        switch member.drop(while: { $0 != "." }).dropFirst(".tar".count) {
        case "": stream
        case ".gz": GzipStream(stream, name: "\(name)/\(member)")
        case ".xz": try DecompressedStream(.xz, stream, name: "\(name)/\(member)")
        case ".zst": try DecompressedStream(.zstd, stream, name: "\(name)/\(member)")
        case ".bz2": try DecompressedStream(.bzip2, stream, name: "\(name)/\(member)")
        default: throw refuse("has \(EntryPath.shown(member)), which is compressed in an unknown way")
        }
    }

    private func control(_ stream: any ByteStream) throws -> DebianPackage {
        var text: [UInt8]?
        var programs: [String] = []
        let reading = TarUnpacking(archive: "\(name)/control.tar", streamMax: 64 << 20)
        try reading.run(stream) { header, archive in
            let path = String(decoding: header.path, as: UTF8.self)
            switch path.hasPrefix("./") ? String(path.dropFirst(2)) : path {
            case "control": text = try content(archive, sizeMax: Self.controlSizeMax)
            case let script where ["preinst", "postinst", "prerm", "postrm", "config", "triggers"].contains(script):
                programs.append(script)
            default: break
            }
        }
        guard let text, var package = DebianPackage(control: text) else {
            throw refuse("has no control file with Package, Version and Architecture")
        }
        package.scripts = programs.sorted()
        return package
    }

    private func content(_ archive: LibraryArchive, sizeMax: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let (_, piece) = try archive.nextData() {
            guard bytes.count + piece.count <= sizeMax else {
                throw refuse("has a control file of more than \(sizeMax) bytes")
            }
            bytes += piece
        }
        return bytes
    }

    private func refuse(_ what: String) -> ForeignArchiveError {
        ForeignArchiveError(
            "deb", in: name, what, remedy: "Check it with `dpkg-deb --info`; build it again with dpkg-deb.")
    }
}
