import Effects
import ReleaseDefinition
import ReleasePackaging

/// The papers of releases on this host: runbook, back-out steps, known errors, release notes. They are fetched with a
/// release and kept as long as it is; a release without them is installed all the same.
struct ReleaseDocuments: Sendable {
    static let sizeMax = ByteCount(1 << 20)
    static let totalMax = ByteCount(4 << 20)

    /// Of a manifest, those that a host keeps: what people read, within bounds.
    static func kept(of manifest: Manifest) -> [ManifestFile] {
        var left = totalMax.value
        return manifest.documents.filter { document in
            let length = document.blob.length.value
            guard !document.isBillOfMaterials, length <= min(sizeMax.value, left) else { return false }
            left -= length
            return true
        }
    }

    struct Entry: Codable, Sendable, Equatable {
        var release: HostRelease
        var path: String
        var length: ByteCount
        /// Whether it lies here; else only its name and digest do.
        var isHere: Bool
    }

    private let store: ReleaseStore
    private let current: [HostRelease]

    init(_ folder: AgentFolder) throws {
        let configuration = try AgentConfiguration.read(in: folder.base)
        let state = try HostState(reading: folder.base)
        store = ReleaseStore(
            directory: try folder.releases(), root: configuration.root, units: try folder.units().path)
        current = state.products.values.compactMap(\.current).sorted { $0.name.product < $1.name.product }
    }

    /// Of what runs, or of a version that is kept.
    private func releases(_ product: ProductName?, _ version: String?) throws -> [HostRelease] {
        guard let version else { return current.filter { product == nil || $0.name.product == product } }
        return try store.all().filter { $0.name.product == product && $0.name.version.text == version }
    }

    func list(_ product: ProductName?, version: String?) throws -> [Entry] {
        try releases(product, version).flatMap { release in
            let stored = try store.stored(release)
            let blobs = BlobStore(stored.folder)
            return try stored.manifest.documents.map {
                Entry(release: release, path: $0.path, length: $0.blob.length, isHere: try blobs.has($0.blob))
            }
        }
    }

    /// - Throws: `agent.docs.absent`.
    func read(_ path: String, of product: ProductName, version: String?) throws -> [UInt8] {
        for release in try releases(product, version) {
            let stored = try store.stored(release)
            guard let document = stored.manifest.documents.first(where: { $0.path == path }) else { continue }
            let blobs = BlobStore(stored.folder)
            guard try blobs.has(document.blob) else {
                throw AgentError(
                    code: "docs.absent",
                    summary:
                        "\(path) of \(release) is not on this host: it has \(document.blob.length), or came before.",
                    remedy: "Read it with slipway release docs \(release.name) \(path), or in the console.")
            }
            return try blobs.read(document.blob)
        }
        throw AgentError(
            code: "notFound", summary: "There is no document \(path) of \(product) on this host.",
            remedy: "slipway-agent docs lists them.")
    }
}
