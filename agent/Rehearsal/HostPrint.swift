import Effects
import ReleaseDefinition
import ReleasePackaging

/// What a release could change on a host, as it is at one moment: two prints that are equal are of the same host state.
struct HostPrint: Codable, Sendable, Equatable {
    /// `/opt/payments`: `link payments.releases/1.4-1a2b3c4d`, `file 0644 0:0 <sha256>`, `folder 0755 0:0`; of a tree
    /// every path below it. What is not there has no entry.
    var paths: [String: String]
    /// Of the names and versions of all packages that are installed; nil: the host has no dpkg.
    var packages: SHA256Digest?
    /// `unit.service`: `active`; `payments.api`: `runs 1.4-1a2b3c4d`.
    var services: [String: String]
    var running: HostRelease?

    /// What a statement carries beyond so many paths is one digest of them all.
    static let pathsMax = 500

    func folded() -> HostPrint {
        guard paths.count > Self.pathsMax else { return self }
        var hasher = SHA256Hasher()
        for path in paths.keys.sorted() { hasher.update(Array("\(path)\n\(paths[path] ?? "")\n".utf8)) }
        var folded = self
        folded.paths = ["\(paths.count) paths": "sha256 \(hasher.finish().hex)"]
        return folded
    }

    /// In words, at most so many.
    func differences(from other: HostPrint, atMost most: Int = 50) -> [String] {
        var found: [String] = []
        func compare(_ what: String, _ mine: String?, _ theirs: String?) {
            if mine != theirs { found.append("\(what): was \(theirs ?? "nothing"), is \(mine ?? "nothing")") }
        }
        for path in Set(paths.keys).union(other.paths.keys).sorted() {
            compare(path, paths[path], other.paths[path])
        }
        for name in Set(services.keys).union(other.services.keys).sorted() {
            compare(name, services[name], other.services[name])
        }
        compare("packages", packages?.hex, other.packages?.hex)
        compare("running", running?.description, other.running?.description)
        return Array(found.prefix(most))
    }
}

/// Where to look for what a release could change: the places of its units and of those that it replaces.
struct HostPlaces: Sendable, Equatable {
    /// Trees, by the path of their link.
    var trees: Set<String> = []
    /// Single files.
    var files: Set<String> = []
    var systemd: Set<String> = []
    /// Units whose effects nobody can list.
    var unseen: Set<String> = []

    /// - Parameter index: of a unit's payload.
    mutating func add(_ manifest: Manifest, index: (ManifestUnit) throws -> PayloadIndex) throws {
        for unit in manifest.units {
            switch unit.definition.type {
            case .tree: trees.insert(unit.definition.installTo)
            case .file, .template:
                let base = unit.definition.installTo == "/" ? "" : unit.definition.installTo
                for entry in try index(unit).entries { files.insert(base + "/" + entry.path.text) }
            case .deb: break
            default: unseen.insert("\(unit.name)")
            }
            if case .systemd(let service) = unit.definition.service { systemd.insert(service.unit) }
        }
    }

    /// - Parameter root: below which all of it lies; no link on the way to a place is followed.
    func print(
        root: String, packages: SHA256Digest?, services: [String: String], running: HostRelease?
    ) throws -> HostPrint {
        var paths: [String: String] = [:]
        let directory = try Directory.create(root)
        for tree in trees {
            let relative = String(tree.drop { $0 == "/" })
            guard let status = try Self.status(directory, relative) else { continue }
            paths[tree] = try Self.word(directory, relative, status)
            // What the link shows lies beside it.
            let above = relative.lastIndex(of: "/").map { String(relative[...$0]) } ?? ""
            let shown = status.kind == .symlink ? above + (try directory.readLink(relative)) : relative
            try Self.walk(directory, shown, shownAs: tree, into: &paths)
        }
        for file in files {
            let relative = String(file.drop { $0 == "/" })
            if let status = try Self.status(directory, relative) {
                paths[file] = try Self.word(directory, relative, status)
            }
        }
        return HostPrint(paths: paths, packages: packages, services: services, running: running)
    }

    private static func walk(
        _ directory: Directory, _ path: String, shownAs shown: String, into paths: inout [String: String]
    ) throws {
        guard try status(directory, path)?.kind == .directory else { return }
        for entry in try directory.list(path) {
            let inner = path + "/" + entry.name
            guard let status = try directory.status(inner) else { continue }
            paths[shown + "/" + entry.name] = try word(directory, inner, status)
            if status.kind == .directory {
                try walk(directory, inner, shownAs: shown + "/" + entry.name, into: &paths)
            }
        }
    }

    private static func status(_ directory: Directory, _ path: String) throws -> FileStatus? {
        do { return try directory.status(path) } catch let error as EffectsError
            where ["effects.file.absent", "effects.file.notDirectory", "effects.file.escape"].contains(error.code)
        { return nil }
    }

    private static func word(_ directory: Directory, _ path: String, _ status: FileStatus) throws -> String {
        let mode = "0" + String(status.mode & 0o7777, radix: 8) + " \(status.ownerID):\(status.groupID)"
        switch status.kind {
        case .symlink: return "link " + (try directory.readLink(path))
        case .directory: return "folder " + mode
        case .other: return "other " + mode
        case .file:
            let file = try directory.openFile(path)
            var hasher = SHA256Hasher()
            while case let piece = try file.read(upTo: 1 << 20), !piece.isEmpty { hasher.update(piece) }
            return "file \(mode) \(hasher.finish().hex)"
        }
    }
}
