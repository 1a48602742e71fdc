import Effects
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// What is known of the patches in `blobs/`, in a file of its own: without it a new process would make them all again, and
/// nobody would know which to remove.
struct PatchMemory: Codable, Equatable {
    static let name = "patches.json"
    private static let sizeMax = ByteCount(16 << 20)

    struct Route: Codable, Equatable {
        var from: SHA256Digest
        var to: SHA256Digest
        /// Empty: looked at, and not worth having.
        var patches: [AssignedPatch]
    }

    var routes: [Route]

    init(_ ready: [PatchRoute: [AssignedPatch]]) {
        routes = ready.map { Route(from: $0.from, to: $0.to, patches: $1) }
            .sorted { ($0.to, $0.from) < ($1.to, $1.from) }
    }

    /// What was kept and is still there, byte for byte. A route of which something is missing is made again.
    /// - Throws: where the file is not what `write` made.
    static func read(_ folder: Directory, _ blobs: BlobStore) throws -> [PatchRoute: [AssignedPatch]] {
        guard let bytes = try folder.readIfPresent(name, sizeMax: sizeMax) else { return [:] }
        let memory = try JSONCoding.decode(PatchMemory.self, from: bytes)
        let whole = memory.routes.filter { $0.patches.allSatisfy { isWhole($0, blobs) } }
        return Dictionary(whole.map { (PatchRoute(from: $0.from, to: $0.to), $0.patches) }) { first, _ in first }
    }

    private static func isWhole(_ patch: AssignedPatch, _ blobs: BlobStore) -> Bool {
        guard let file = try? blobs.open(BlobReference(sha256: patch.sha256, length: patch.length)) else {
            return false
        }
        var hasher = SHA256Hasher()
        var position: Int64 = 0
        while let piece = try? file.read(at: position, count: 1 << 20), !piece.isEmpty {
            hasher.update(piece)
            position += Int64(piece.count)
        }
        return hasher.finish() == patch.sha256
    }

    func write(_ folder: Directory) throws {
        try folder.writeDurably(Self.name, JSONCoding.value(of: self).wireBytes, mode: 0o600)
    }
}

extension Controller {
    /// Manifests that hosts run, that rollouts lead to, and the newest of each product.
    private var currentManifests: Set<SHA256Digest> {
        var current = Set(state.hosts.values.flatMap { $0.running.values.map(\.manifest) })
        current.formUnion(state.rollouts.values.filter(\.isActive).compactMap { $0.plan?.manifest })
        let byProduct = Dictionary(grouping: state.releases.values.map(\.submitted), by: \.release.product)
        for releases in byProduct.values {
            if let newest = releases.max(by: { $0.release.version < $1.release.version }) {
                current.insert(newest.manifest)
            }
        }
        return current
    }

    /// Removes the patches between releases that are both history. A host that still asks for one fetches members.
    func dropPatches() {
        let current = currentManifests
        let old = patches.ready.filter { !current.contains($0.key.from) && !current.contains($0.key.to) }
        guard !old.isEmpty else { return }
        for route in old.keys { patches.ready[route] = nil }
        let kept = Set(patches.ready.values.joined().map(\.sha256))
        var removed = 0
        for patch in Set(old.values.joined().map { BlobReference(sha256: $0.sha256, length: $0.length) })
        where !kept.contains(patch.sha256) {
            do {
                try publisher.blobs.remove(patch)
                removed += 1
            } catch { logger.warning("a patch stays", metadata: ["error": "\(ReportedError(error))"]) }
        }
        logger.info("patches dropped", metadata: ["routes": "\(old.count)", "files": "\(removed)"])
        keepPatches()
    }

    /// Not written, they are made again by the next process.
    func keepPatches() {
        do { try PatchMemory(patches.ready).write(folder.directory) } catch {
            logger.warning("patches are not remembered", metadata: ["error": "\(ReportedError(error))"])
        }
    }
}
