import Effects
import ReleaseDefinition

/// An earlier package of the product to build upon: its members are used again, and what did not change keeps its date.
public struct PackageBase: Sendable {
    /// What it has of a unit.
    struct Unit: Sendable {
        var entries: [PayloadEntry]
        /// nil where the payload is not at hand or was made by another compressor.
        var members: WarmMembers?
    }

    private enum Place: Sendable {
        case store(BlobStore)
        case file(PackageArchive)
    }

    public let manifest: Manifest
    private let place: Place

    public init(_ manifest: Manifest, in blobs: BlobStore) { (self.manifest, place) = (manifest, .store(blobs)) }

    /// Nothing is copied: members are read where they lie.
    public init(_ archive: PackageArchive) { (manifest, place) = (archive.manifest, .file(archive)) }

    /// nil where it has no such unit for those hosts, or no index of it is at hand.
    /// - Throws: `packaging.index.…`, `packaging.blob.…`, `packaging.package.…`.
    func unit(_ name: UnitName, variant: VariantName?, compressor: String, level: Int, cut: String) throws -> Unit? {
        guard let unit = manifest[unit: name, variant: variant] else { return nil }
        let (index, payload): (PayloadIndex, (file: OpenFile, start: Int64)?)
        switch place {
        case .store(let blobs):
            guard try blobs.has(unit.payload.index) || blobs.has(unit.payload.indexText) else { return nil }
            index = try PayloadIndex(of: unit.payload, in: blobs)
            payload = try blobs.has(unit.payload.compressed) ? (try blobs.open(unit.payload.compressed), 0) : nil
        case .file(let archive):
            index = try archive.index(of: unit)
            payload = archive.place(of: unit.payload.compressed)
        }
        let record = manifest.build
        let isSame = record.compressor == compressor && record.compressionLevel == level && record.cut == cut
        return Unit(
            entries: index.entries,
            members: isSame ? payload.map { WarmMembers(index, payload: $0.file, at: $0.start) } : nil)
    }
}
