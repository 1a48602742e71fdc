import Effects
import ReleaseDefinition
import ReleasePackaging

/// Where the members of a tree come from, in the order in which they are tried.
enum UnpackWay: String, Codable, CaseIterable {
    /// From a patch and the tree that it leads from.
    case patch
    /// From the package itself; unchanged files from the earlier tree where there is one.
    case payload
}

struct UnpackSource {
    var way: UnpackWay
    var index: PayloadIndex
    var members: any MemberReader
    var base: BaseTree?

    /// The package itself.
    static func payload(of unit: ManifestUnit, in archive: PackageArchive, base: String?) async throws -> UnpackSource {
        async let earlier = Workers.suspending { try base.map { try Self.tree($0, unit: unit) } }
        let index = try archive.index(of: unit)
        return UnpackSource(
            way: .payload, index: index, members: try archive.members(of: unit, index), base: try await earlier)
    }

    /// A patch and the tree that it leads from; of the package only the manifest is used.
    static func patched(_ unit: ManifestUnit, _ patch: OpenFile, _ base: String) throws -> UnpackSource {
        let tree = try Directory.open(base)
        guard let record = try UnpackRecord.read(of: base),
            let old = record.manifest[unit: unit.name, variant: unit.variant]
        else {
            throw CommandError(
                code: "package.base",
                summary: "There is no \(base)\(UnpackRecord.suffix) that names the unit \(unit.name).",
                remedy: "A patch needs to know what is in the tree: make it with slipway package unpack.")
        }
        let text = try PayloadIndex.text(fromCompressed: record.bytes(of: old.payload.index), for: old.payload)
        let stream = try InstalledStream(tree, index: PayloadIndex(parsing: text, for: old.payload))
        let reader = try PatchReader(patch, to: unit.payload, from: stream, indexText: text)
        return UnpackSource(
            way: .patch, index: reader.index, members: reader, base: BaseTree(stream.tree, index: stream.index))
    }

    /// The index of what was unpacked there helps, but is not needed: every file is hashed.
    private static func tree(_ path: String, unit: ManifestUnit) throws -> BaseTree {
        let tree = try Directory.open(path)
        guard let record = try? UnpackRecord.read(of: path),
            let old = record.manifest[unit: unit.name, variant: unit.variant], let index = try? record.index(of: old)
        else { return BaseTree(tree) }
        return BaseTree(tree, index: index)
    }
}

/// `DIR.index.slip`: what stands beside a tree that was unpacked, the package without its payload.
enum UnpackRecord {
    static let suffix = ".index.slip"

    /// nil where there is none.
    static func read(of path: String) throws -> PackageArchive? {
        let (folder, name) = try split(path)
        let holder = try Directory.open(folder)
        guard try holder.status(name + suffix)?.kind == .file else { return nil }
        return try PackageArchive(holder.openFile(name + suffix))
    }

    /// The record of a tree that was unpacked there before is replaced; somebody's own file of that name is not.
    static func checkReplaceable(of directory: String, in parent: Directory, _ name: String) throws {
        guard try parent.status(name + suffix) != nil else { return }
        if (try? read(of: directory)) != nil { return }
        throw CommandError(
            code: "package.record", summary: "\(directory)\(suffix) is there already and is no record of a tree.",
            remedy: "Move it away: what was unpacked is noted there.")
    }

    /// The folder that holds a tree, and the tree's name in there.
    static func split(_ path: String) throws -> (folder: String, name: String) {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        let (folder, name) = Directory.split(String(path))
        guard !name.isEmpty, name != ".", name != ".." else {
            throw CommandError(
                code: "package.directory", summary: "\(path) does not end in the name of a folder.",
                remedy: "Name the folder to make, as in ./payments-1.4.")
        }
        return (folder, name)
    }
}
