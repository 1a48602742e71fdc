import Effects
import ReleaseDefinition

/// A package file used where it lies: nothing of it is copied. The manifest is parsed, an index is checked when it is
/// read, a payload's members when they are opened; hooks and documents are only found, `PackageFile.read` checks them.
public struct PackageArchive: Sendable {
    public let manifest: Manifest
    public let manifestBytes: [UInt8]
    private let file: OpenFile
    private let places: [BlobReference: Int64]
    private let named: [String: Int64]

    /// - Throws: `packaging.archive.…`, `packaging.manifest.…`, `packaging.package.…`.
    public init(_ file: OpenFile) throws {
        self.file = file
        let source = SeekingSource(file)
        var reader = TarReader(
            source, limits: ArchiveLimits(entriesMax: 8192, sizeMax: ByteCount(1 << 40)), folders: .implied)
        guard let first = try reader.next(), first.path.text == PackageFile.manifestName else {
            throw PackageFile.refuse("manifest", "does not begin with \(PackageFile.manifestName)")
        }
        manifestBytes = try reader.readAll(sizeMax: Manifest.bytesMax)
        manifest = try Manifest(parsing: manifestBytes)
        // Not all need be there: whoever needs one that is not is told so.
        var outline = PackageOutline(manifest, mayLack: true)
        var (places, named): ([BlobReference: Int64], [String: Int64]) = ([:], [:])
        while let entry = try reader.next() {
            guard case .blob(let blob) = try outline.take(entry) else { continue }
            places[blob] = source.position
            named[entry.path.text] = source.position
        }
        (self.places, self.named) = (places, named)
    }

    /// A package file without its payloads: what must be known later of a release whose tree stays.
    public func bytesWithoutPayloads() throws -> [UInt8] {
        var bytes: [UInt8] = []
        let kept =
            [(PackageFile.manifestName, manifestBytes)]
            + (try manifest.units.map { ("units/\($0.fileName).index.gz", try self.bytes(of: $0.payload.index)) })
        for (name, content) in kept {
            let size = Int64(content.count)
            bytes += TarEntry(path: try EntryPath(name), content: .file(size: size), mode: 0o644).header()
            bytes += content
            bytes += repeatElement(0, count: TarFormat.padding(after: size))
        }
        return bytes + repeatElement(0, count: TarFormat.endSize)
    }

    /// The exact bytes of a blob, checked.
    /// - Throws: `packaging.package.digest`.
    public func bytes(of blob: BlobReference) throws -> [UInt8] {
        guard let place = places[blob] else {
            throw PackageFile.refuse("entry", "does not hold the blob \(blob.sha256)")
        }
        let bytes = try file.read(at: place, count: Int(clamping: blob.length.value))
        guard BlobReference(of: bytes) == blob else {
            throw PackageFile.refuse("digest", "has other bytes at \(place) than the manifest binds")
        }
        return bytes
    }

    /// Where an entry's bytes lie; nil where the package has it not. They are not checked.
    func place(named name: String) -> (file: OpenFile, start: Int64)? { named[name].map { (file, $0) } }

    /// Where a blob's bytes lie; nil where the package has them not. They are not checked.
    func place(of blob: BlobReference) -> (file: OpenFile, start: Int64)? { places[blob].map { (file, $0) } }

    public func has(_ blob: BlobReference) -> Bool { places[blob] != nil }

    public func index(of unit: ManifestUnit) throws -> PayloadIndex {
        try PayloadIndex(compressed: bytes(of: unit.payload.index), for: unit.payload)
    }

    public func members(of unit: ManifestUnit, _ index: PayloadIndex) throws -> PayloadReader {
        guard let place = places[unit.payload.compressed] else {
            throw PackageFile.refuse("entry", "does not hold the payload of \(unit.name)")
        }
        return PayloadReader(index, payload: file, at: place)
    }
}
