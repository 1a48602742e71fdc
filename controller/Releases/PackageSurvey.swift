import ReleaseDefinition
import ReleasePackaging

/// What a sweep asks of a manifest.
struct PackageContents: Sendable {
    let documents: [SHA256Digest]
    let blobs: [BlobReference]

    init(_ manifest: Manifest) { (documents, blobs) = (manifest.documents.map(\.blob.sha256), manifest.blobs) }
}

/// Reads the manifests of all releases beside the controller's actor, one question after another, and keeps what it read: a
/// manifest is what its digest says, for ever.
actor PackageSurvey {
    /// Of what is kept, some 20 MB; what is beyond is read again.
    private static let blobsMax = 300_000

    private let read: @Sendable (BlobStore, BlobReference) throws -> [UInt8]
    private var known: [SHA256Digest: PackageContents] = [:]
    private var blobsKnown = 0

    init(read: @escaping @Sendable (BlobStore, BlobReference) throws -> [UInt8] = { try $0.read($1) }) {
        self.read = read
    }

    /// - Throws: as `PackageSweep.init`.
    func sweep(
        _ state: FleetState, _ rules: RetentionRules, _ blobs: BlobStore, patches: Set<SHA256Digest>, at now: UTCInstant
    ) throws -> PackageSweep {
        try PackageSweep(state, rules, blobs, patches: patches, at: now) {
            try self.contents($0, blobs)
        }
    }

    private func contents(_ manifest: BlobReference, _ blobs: BlobStore) throws -> PackageContents {
        if let contents = known[manifest.sha256] { return contents }
        let contents = PackageContents(try Manifest(parsing: read(blobs, manifest)))
        let size = contents.blobs.count + contents.documents.count
        if blobsKnown + size <= Self.blobsMax {
            known[manifest.sha256] = contents
            blobsKnown += size
        }
        return contents
    }
}
