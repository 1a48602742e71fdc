import Effects
import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// What must be at hand to run, leave or return to a release with no network: its manifest, indexes and hooks, in
/// `releases/PRODUCT/RELEASE/`, beside the trees and never inside them.
struct ReleaseStore: Sendable {
    private static let manifestName = "manifest.json"

    let directory: Directory
    /// The prefix of every `installTo`.
    let root: String
    /// Where the trees of units lie that have no folder of their own on the host.
    let units: String
    private let parsed = ParsedManifests()

    init(directory: Directory, root: String, units: String) {
        self.directory = directory
        self.root = root
        self.units = units
    }

    /// Keeps what a verified manifest names for this host; the payloads are not kept, the installed tree is the cache.
    func keep(_ manifest: Manifest, bytes: [UInt8], blobs: BlobStore) throws -> StoredRelease {
        let release = HostRelease(name: manifest.name, manifest: SHA256Digest(of: bytes))
        let product = try directory.createDirectory(release.name.product.text)
        let temporary = ".new-" + release.folder
        try product.removeTree(temporary)
        let folder = try product.createDirectory(temporary)
        for unit in manifest.units {
            try keep(unit.payload.indexText, try PayloadIndex.text(of: unit.payload, in: blobs), in: folder)
            for hook in unit.hooks { try keep(hook.blob, try blobs.read(hook.blob), in: folder, mode: 0o755) }
        }
        for values in manifest.values where try blobs.has(values.blob) {
            try keep(values.blob, try blobs.read(values.blob), in: folder)
        }
        for document in ReleaseDocuments.kept(of: manifest) where try blobs.has(document.blob) {
            try keep(document.blob, try blobs.read(document.blob), in: folder)
        }
        let file = try folder.createFile(Self.manifestName)
        try file.write(bytes)
        try file.sync()
        // Once for all names in it: it has none itself yet.
        try folder.sync()
        try product.removeTree(release.folder)
        try product.rename(temporary, to: release.folder)
        return try stored(release)
    }

    /// What was kept already stays, and is a program where one of them is.
    private func keep(_ blob: BlobReference, _ bytes: [UInt8], in folder: Directory, mode: UInt16 = 0o644) throws {
        let name = blob.sha256.hex
        let isThere = try folder.status(name) != nil
        let file = isThere ? try folder.openFile(name) : try folder.createFile(name, mode: mode)
        if isThere { if mode & 0o111 != 0 { try file.setMode(mode) } } else { try file.write(bytes) }
        try file.sync()
    }

    /// - Throws: `agent.release.absent`, `agent.release.damaged`: its manifest is not the one that was approved.
    func stored(_ release: HostRelease) throws -> StoredRelease {
        let path = release.name.product.text + "/" + release.folder
        guard try directory.status(path)?.kind == .directory,
            let bytes = try directory.readIfPresent(path + "/" + Self.manifestName, sizeMax: Manifest.bytesMax)
        else {
            throw AgentError(
                code: "release.absent", summary: "\(release) is not on this host any more.",
                remedy: "Order the release again; it is fetched anew.")
        }
        guard SHA256Digest(of: bytes) == release.manifest else {
            throw AgentError(
                code: "release.damaged",
                summary: "The stored manifest of \(release) has the digest \(SHA256Digest(of: bytes).short).",
                remedy:
                    "Check the disk, then bring it anew: slipway release export \(release.name) --host HOST "
                    + "--output FILE, and here slipway-agent install FILE.")
        }
        return StoredRelease(
            release: release, manifest: try parsed.manifest(release.manifest, bytes).chosen(for: .current()),
            folder: try directory.directory(path), root: root, units: units)
    }

    /// Whether all that is needed to run, leave or check the release can be read.
    func isWhole(_ release: HostRelease) -> Bool {
        guard let stored = try? stored(release) else { return false }
        return stored.manifest.units.allSatisfy { unit in
            (try? stored.index(unit)) != nil && unit.hooks.allSatisfy { (try? stored.hookPath($0)) != nil }
        }
    }

    /// Every release whose manifest can be read and is what its folder's name says; what cannot be read is left alone.
    func all() throws -> [HostRelease] {
        var found: [HostRelease] = []
        for product in try directory.list() where product.kind == .directory {
            for entry in try directory.list(product.name) where entry.kind == .directory {
                let path = product.name + "/" + entry.name + "/" + Self.manifestName
                guard let bytes = try? directory.readIfPresent(path, sizeMax: Manifest.bytesMax),
                    let manifest = try? Manifest(parsing: bytes)
                else { continue }
                let release = HostRelease(name: manifest.name, manifest: SHA256Digest(of: bytes))
                if release.folder == entry.name, product.name == release.name.product.text { found.append(release) }
            }
        }
        return found
    }

    func delete(_ release: HostRelease) throws {
        try directory.removeTree(release.name.product.text + "/" + release.folder)
    }
}

/// The manifests of the last releases that were looked at: an order asks for the same two at each of its steps, and parsing
/// is most of the work of a small one.
private final class ParsedManifests: Sendable {
    private static let countMax = 2
    /// Larger ones are not held in memory for nothing.
    private static let bytesMax = 64 << 10

    private let kept = Mutex<[(digest: SHA256Digest, manifest: Manifest)]>([])

    /// - Parameter bytes: what has that digest.
    func manifest(_ digest: SHA256Digest, _ bytes: [UInt8]) throws -> Manifest {
        if let known = kept.withLock({ $0.first { $0.digest == digest }?.manifest }) { return known }
        let manifest = try Manifest(parsing: bytes)
        guard bytes.count <= Self.bytesMax else { return manifest }
        kept.withLock { kept in
            if kept.count == Self.countMax { kept.removeFirst() }
            kept.append((digest, manifest))
        }
        return manifest
    }
}

/// A release with its manifest read and checked against its digest.
struct StoredRelease: Sendable {
    let release: HostRelease
    let manifest: Manifest
    let folder: Directory
    let root: String
    let units: String
    /// Where its units run, of those that have two slots.
    var slots: [UnitName: SlotName] = [:]

    /// Where the unit's trees lie, and the link that says which of them is in effect: at `installTo` for a tree, in the
    /// agent's own folder for the other types.
    func layout(_ unit: ManifestUnit) throws -> UnitLayout {
        guard unit.definition.type == .tree else {
            return try UnitLayout(installTo: "/\(release.name.product)/\(unit.name)", root: units)
        }
        return try UnitLayout(installTo: unit.definition.installTo, root: root)
    }

    /// What lay on the host before the unit came, and what else of it outlives a release.
    func originals(_ unit: ManifestUnit) throws -> Directory {
        try Directory.create(units + "/\(release.name.product)/\(unit.name).originals", mode: 0o700)
    }

    func tree(_ unit: ManifestUnit) throws -> Directory {
        guard let tree = try layout(unit).tree(release.folder) else {
            throw AgentError(
                code: "release.absent", summary: "The files of the unit \(unit.name) of \(release) are gone.",
                remedy: "Order the release again; it is fetched anew.")
        }
        return tree
    }

    /// The signed values for an environment; an empty mapping where the release brings none.
    func values(for environment: EnvironmentName) throws -> JSONValue {
        guard let values = manifest.values.first(where: { $0.environment == environment }) else { return .object([]) }
        return try SignedValues(parsing: BlobStore(folder).read(values.blob)).root
    }

    /// Where the unit's files are for programs: `installTo`, or the link in the agent's folder.
    func place(_ unit: ManifestUnit) throws -> String {
        guard unit.definition.type.hasPlace else { return try layout(unit).path }
        return try UnitLayout(installTo: unit.definition.installTo, root: root).path
    }

    /// The tree of a unit, by its own path and not through the link.
    func treePath(_ unit: ManifestUnit) throws -> String { try layout(unit).releasesPath + "/" + release.folder }

    func index(_ unit: ManifestUnit) throws -> [UInt8] {
        try PayloadIndex.text(of: unit.payload, in: BlobStore(folder))
    }

    /// The path of a hook's program, whose bytes were just compared with the signed digest.
    func hookPath(_ hook: ManifestHook) throws -> String {
        _ = try BlobStore(folder).read(hook.blob)
        return folder.path + "/" + hook.blob.sha256.hex
    }
}
