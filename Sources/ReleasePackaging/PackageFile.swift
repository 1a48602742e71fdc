import Effects
import ReleaseDefinition

/// A package in one file, `payments-1.4.slip`: a plain tar of the manifest and every blob it binds, under names that people
/// can read, in the order of package-format.md.
public enum PackageFile {
    public static let manifestName = "manifest.json"

    /// A package that was read: its blobs are in the store.
    public struct Contents: Sendable, Equatable {
        public var manifest: Manifest
        public var manifestBytes: [UInt8]
        /// `trust/…` of an exported package, by name without the folder.
        public var trust: [TrustFile]
    }

    public struct TrustFile: Sendable, Equatable {
        public var name: String
        public var bytes: [UInt8]

        public init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// - Throws: `packaging.manifest.…`, `packaging.blob.…`, what `sink` throws.
    public static func write(
        _ manifestBytes: [UInt8], trust: [TrustFile] = [], blobs: BlobStore,
        to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let manifest = try Manifest(parsing: manifestBytes)
        try write(manifestName, manifestBytes, to: sink)
        for file in trust { try write("trust/" + file.name, file.bytes, to: sink) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        // What this process wrote a moment ago into a folder of its own needs no second look.
        let isChecked = blobs.durability == .durable
        for (name, blob) in manifest.packageEntries {
            try write(header: name, size: blob.length.value, to: sink)
            let file = try blobs.open(blob)
            var hasher = SHA256Hasher()
            var offset: Int64 = 0
            while offset < blob.length.value {
                let wanted = Int(clamping: min(Int64(buffer.count), blob.length.value - offset))
                let got = try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
                guard got > 0 else { throw BlobStore.wrongLength(blob, found: ByteCount(offset), in: file.path) }
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<got])
                if isChecked { hasher.update(piece) }
                try sink(piece)
                offset += Int64(got)
            }
            let digest = hasher.finish()
            guard !isChecked || digest == blob.sha256 else {
                throw BlobStore.wrongDigest(blob, in: blobs.directory.path)
            }
            try pad(blob.length.value, to: sink)
        }
        try [UInt8](repeating: 0, count: TarFormat.endSize).withUnsafeBytes { try sink($0) }
    }

    /// Writes to a file.
    public static func write(
        _ manifestBytes: [UInt8], trust: [TrustFile] = [], blobs: BlobStore, to file: OpenFile
    ) throws {
        try write(manifestBytes, trust: trust, blobs: blobs) { try file.write($0) }
    }

    /// Reads and checks a package; its blobs are in `blobs` afterwards. Whether anybody approved it is not asked here.
    /// - Parameter sizeMax: of everything in it; the disk is not filled for whoever sends more.
    /// - Throws: `packaging.archive.…`, `packaging.manifest.…`, `packaging.package.…`.
    public static func read(
        _ source: some ByteSource, into blobs: BlobStore, sizeMax: ByteCount = ByteCount(64 << 30)
    ) throws -> Contents {
        var reader = TarReader(source, limits: ArchiveLimits(entriesMax: 8192, sizeMax: sizeMax), folders: .implied)
        guard let first = try reader.next(), first.path.text == manifestName else {
            throw refuse("manifest", "does not begin with \(manifestName)")
        }
        let manifestBytes = try reader.readAll(sizeMax: Manifest.bytesMax)
        let manifest = try Manifest(parsing: manifestBytes)
        var trust: [TrustFile] = []
        var outline = PackageOutline(manifest, mayLack: false)
        while let entry = try reader.next() {
            switch try outline.take(entry) {
            case .trust(let name):
                trust.append(
                    TrustFile(name: name, bytes: try reader.readAll(sizeMax: PackageOutline.trustFileSizeMax)))
            case .blob(let blob): try take(blob, entry.path.text, &reader, into: blobs)
            }
        }
        try outline.finish()
        return Contents(manifest: manifest, manifestBytes: manifestBytes, trust: trust)
    }

    private static func take<Source>(
        _ blob: BlobReference, _ name: String, _ reader: inout TarReader<Source>, into blobs: BlobStore
    ) throws {
        let writer = try blobs.newBlob()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while case let got = try reader.readContent(into: buffer), got > 0 {
            try writer.write(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        }
        guard try writer.finish(expecting: blob) else {
            throw refuse("digest", "has other bytes in \(name) than its manifest binds")
        }
    }

    private static func write(
        _ name: String, _ bytes: [UInt8], to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try write(header: name, size: Int64(bytes.count), to: sink)
        try bytes.withUnsafeBytes { try sink($0) }
        try pad(Int64(bytes.count), to: sink)
    }

    private static func write(
        header name: String, size: Int64, to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let entry = TarEntry(path: try EntryPath(name), content: .file(size: size), mode: 0o644)
        try entry.header().withUnsafeBytes { try sink($0) }
    }

    private static func pad(_ size: Int64, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let zeros = [UInt8](repeating: 0, count: TarFormat.padding(after: size))
        try zeros.withUnsafeBytes { try sink($0) }
    }

    static func refuse(_ code: String, _ what: String) -> PackagingError {
        PackagingError(
            code: "package.\(code)", summary: "The package \(what).",
            remedy: "Nothing of it is used. Copy it again; if that does not help, build it again.")
    }
}

extension Manifest {
    /// The names in a package file and what they hold, in order. A hook that serves twice stands once.
    var packageEntries: [(name: String, blob: BlobReference)] {
        var entries: [(name: String, blob: BlobReference)] = []
        for unit in units {
            entries.append(("units/\(unit.fileName).index.gz", unit.payload.index))
            entries.append(("units/\(unit.fileName).tar.gz", unit.payload.compressed))
        }
        var hooks: Set<BlobReference> = []
        for hook in units.flatMap(\.hooks) where hooks.insert(hook.blob).inserted {
            entries.append(("hooks/\(hook.blob.sha256)", hook.blob))
        }
        entries += values.map { ("values/\($0.environment).json", $0.blob) }
        return entries + documents.map { ("documents/\($0.path)", $0.blob) }
    }
}
