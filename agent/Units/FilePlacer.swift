import Effects
import ReleaseDefinition

/// Puts a unit's files one by one beside what is on the host, and brings back what lay there before.
///
/// Every act may be repeated. What lay at a place is kept, durably, before anything is replaced; each file comes by one
/// rename. No component of a path is followed if it is a link: the place is opened beneath the root.
struct FilePlacer: Sendable {
    static let textMax = ByteCount(4 << 20)
    private static let recordName = "record.json"
    private static let recordMax = ByteCount(16 << 20)

    /// The host's root, `installTo` below it, and where originals are kept.
    let root: Directory
    let prefix: String
    let originals: Directory

    /// A release's files and how their bytes come about.
    struct Side: Sendable {
        var tree: Directory
        /// nil: as they are.
        var template: TemplateText?
    }

    init(installTo: String, root: String, originals: Directory) throws {
        self.root = try Directory.create(root)
        prefix = String(installTo.drop { $0 == "/" })
        self.originals = originals
    }

    /// Afterwards the host has the files of `new`, and at places that only `old` had what lay there before it.
    func change(from old: Side?, to new: Side?) throws {
        let wanted = try new.map(list) ?? PlacedTree()
        let former = try old.map(list) ?? PlacedTree()
        let before = Set(former.files.map(\.path) + former.folders.map(\.path))
        var record = try readRecord()
        let known = Set(record.map(\.path)).union(before)
        let unseen = wanted.files.map(\.path).filter { !known.contains($0) }
        let newFolders = try wanted.folders.map(\.path).filter {
            try !known.contains($0) && statusOnHost($0) == nil
        }
        if !unseen.isEmpty || !newFolders.isEmpty {
            record += try newFolders.map { Original(path: $0, kind: .folder) } + unseen.map(keep)
            try originals.sync()
            try write(record)
        }
        if let new {
            for folder in wanted.folders { try makeFolder(folder.path, mode: folder.mode) }
            for file in wanted.files { try place(file, of: new) }
        }
        let left = before.subtracting(wanted.files.map(\.path) + wanted.folders.map(\.path))
        // Deepest first: a folder goes when it is empty.
        for original in record.sorted(by: { $0.path > $1.path }) where left.contains(original.path) {
            try restore(original)
        }
        if record.contains(where: { left.contains($0.path) }) {
            record.removeAll { left.contains($0.path) }
            try write(record)
            try dropUnused(record)
        }
    }

    /// Whether everything could be put there: bytes come about, no link leads away, nothing but files is replaced.
    func check(_ new: Side) throws {
        for file in try PlacedTree(listing: new.tree).files {
            if new.template != nil, case .file = file.kind { _ = try bytes(of: file, new) }
            guard let status = try statusOnHost(file.path) else { continue }
            guard status.kind == .file || status.kind == .symlink else {
                throw AgentError(
                    code: "place.taken", summary: "\(shown(file.path)) is no file, the release puts one there.",
                    remedy: "Move it away, or correct the release.")
            }
        }
    }

    /// What differs from what was put there, in words.
    func differences(_ side: Side) throws -> [String] {
        try PlacedTree(listing: side.tree).files.compactMap { file in
            guard let status = try statusOnHost(file.path) else { return "\(shown(file.path)) is missing" }
            switch (file.kind, status.kind) {
            case (.link(let target), .symlink):
                return try root.readLink(join(file.path)) == target ? nil : "\(shown(file.path)) points elsewhere"
            case (.file(let mode, let ownerID, let groupID), .file):
                guard status.mode == mode, status.ownerID == ownerID, status.groupID == groupID else {
                    return "\(shown(file.path)) has another mode or owner"
                }
                return try isPlaced(file, side) ? nil : "\(shown(file.path)) has other bytes"
            default: return "\(shown(file.path)) is of another kind"
            }
        }
    }

    func paths(of side: Side) throws -> [String] { try PlacedTree(listing: side.tree).files.map { shown($0.path) } }

    // MARK: - Placing

    /// The unit's own folder is the first of them.
    private func list(_ side: Side) throws -> PlacedTree {
        var found = try PlacedTree(listing: side.tree)
        if !prefix.isEmpty { found.folders.insert(PlacedTree.Folder(path: "", mode: 0o755), at: 0) }
        return found
    }

    private func place(_ file: PlacedFile, of side: Side) throws {
        let path = join(file.path)
        let temporary = Self.temporary(path)
        try root.removeTree(temporary)
        switch file.kind {
        case .link(let target):
            if try statusOnHost(file.path)?.kind == .symlink, try root.readLink(path) == target { return }
            try root.createSymlink(temporary, to: target)
        case .file(let mode, let ownerID, let groupID):
            if let status = try statusOnHost(file.path), status.kind == .file, status.mode == mode,
                status.ownerID == ownerID, status.groupID == groupID, try isPlaced(file, side)
            {
                return
            }
            // Nobody else reads it before it has its mode: a rendered file may hold a secret.
            let target = try root.createFile(temporary, mode: 0o600)
            try write(file, side, to: target)
            try target.setOwner(ownerID, group: groupID)
            try target.setMode(mode)
            try target.sync()
        }
        try root.rename(temporary, to: path)
    }

    private func write(_ file: PlacedFile, _ side: Side, to target: OpenFile) throws {
        if side.template != nil { return try target.write(bytes(of: file, side)) }
        let source = try side.tree.openFile(file.path)
        while case let piece = try source.read(upTo: 1 << 18), !piece.isEmpty { try target.write(piece) }
    }

    private func isPlaced(_ file: PlacedFile, _ side: Side) throws -> Bool {
        let there = try root.openFile(join(file.path))
        if side.template != nil {
            let wanted = try bytes(of: file, side)
            guard try there.size().value == Int64(wanted.count) else { return false }
            return try there.readAll(sizeMax: Self.textMax) == wanted
        }
        let source = try side.tree.openFile(file.path)
        guard try there.size() == source.size() else { return false }
        while true {
            let wanted = try source.read(upTo: 1 << 18)
            guard try there.read(upTo: 1 << 18) == wanted else { return false }
            if wanted.isEmpty { return true }
        }
    }

    private func bytes(of file: PlacedFile, _ side: Side) throws -> [UInt8] {
        let text = try side.tree.read(file.path, sizeMax: Self.textMax)
        return try side.template?.render(text, named: file.path) ?? text
    }

    private func makeFolder(_ path: String, mode: UInt16) throws {
        let whole = join(path)
        guard try root.status(whole) == nil else { return }
        _ = try root.createDirectory(whole, mode: mode)
    }

    // MARK: - What lay there

    private func keep(_ path: String) throws -> Original {
        guard let status = try statusOnHost(path) else { return Original(path: path, kind: .absent) }
        let whole = join(path)
        switch status.kind {
        case .symlink: return Original(path: path, kind: .link, target: try root.readLink(whole))
        case .file:
            let temporary = ".new"
            try originals.removeTree(temporary)
            let (source, copy) = (try root.openFile(whole), try originals.createFile(temporary, mode: 0o600))
            var hasher = SHA256Hasher()
            while case let piece = try source.read(upTo: 1 << 18), !piece.isEmpty {
                hasher.update(piece)
                try copy.write(piece)
            }
            try copy.sync()
            let digest = hasher.finish()
            try originals.rename(temporary, to: digest.hex)
            return Original(
                path: path, kind: .file, digest: digest, mode: status.mode, ownerID: Int64(status.ownerID),
                groupID: Int64(status.groupID))
        default:
            throw AgentError(
                code: "place.taken", summary: "\(shown(path)) is no file, the release puts one there.",
                remedy: "Move it away, or correct the release.")
        }
    }

    private func restore(_ original: Original) throws {
        let path = join(original.path)
        let temporary = Self.temporary(path)
        switch original.kind {
        case .absent:
            guard try statusOnHost(original.path) != nil else { return }
            try root.removeFile(path)
            return try root.directory(Self.parent(of: path)).sync()
        case .folder:
            guard try statusOnHost(original.path)?.kind == .directory, try root.list(path).isEmpty else { return }
            return try root.removeTree(path)
        case .link:
            try root.removeTree(temporary)
            try root.createSymlink(temporary, to: original.target ?? "")
        case .file:
            guard let digest = original.digest else { return }
            try root.removeTree(temporary)
            let (source, target) = (
                try originals.openFile(digest.hex), try root.createFile(temporary, mode: 0o600)
            )
            while case let piece = try source.read(upTo: 1 << 18), !piece.isEmpty { try target.write(piece) }
            try target.setOwner(
                UInt32(clamping: original.ownerID ?? 0), group: UInt32(clamping: original.groupID ?? 0))
            try target.setMode(original.mode ?? 0o600)
            try target.sync()
        }
        try root.rename(temporary, to: path)
    }

    private func readRecord() throws -> [Original] {
        guard let bytes = try originals.readIfPresent(Self.recordName, sizeMax: Self.recordMax) else { return [] }
        return try JSONCoding.decode([Original].self, from: bytes)
    }

    private func write(_ record: [Original]) throws {
        try originals.writeDurably(Self.recordName, JSONCoding.value(of: record).wireBytes, mode: 0o600)
    }

    private func dropUnused(_ record: [Original]) throws {
        let used = Set(record.compactMap(\.digest?.hex))
        for entry in try originals.list() where entry.name != Self.recordName && !used.contains(entry.name) {
            try originals.removeTree(entry.name)
        }
    }

    // MARK: - Paths

    /// nil also where a folder on the way is not there yet.
    private func statusOnHost(_ path: String) throws -> FileStatus? {
        do { return try root.status(join(path)) } catch let error as EffectsError
            where error.code == "effects.file.absent"
        { return nil }
    }

    private func join(_ path: String) -> String {
        prefix.isEmpty ? path : path.isEmpty ? prefix : prefix + "/" + path
    }

    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    private func shown(_ path: String) -> String { "/" + join(path) }

    private static func temporary(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return ".\(path).slipway-new" }
        return path[...slash] + ".\(path[path.index(after: slash)...]).slipway-new"
    }
}
