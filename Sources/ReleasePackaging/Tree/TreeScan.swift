import Effects
import ReleaseDefinition

/// A file, folder or link of a source tree, before it is packed.
struct ScannedEntry: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case directory
        /// With what tells whether it is the same file still.
        case file(size: ByteCount, modifiedAt: UTCInstant, inode: UInt64)
        case link(LinkTarget)
    }

    var path: EntryPath
    var content: Content
    /// 0755 for folders and what its owner may execute, 0644 for other files, 0777 for links.
    var mode: UInt16
}

/// Lists a source tree: every entry below its root, strictly ascending by path bytes.
enum TreeScan {
    /// Folders are listed by several threads, each a folder at a time.
    /// - Throws: `packaging.source.…` and `packaging.path.…`. All flaws are found before it throws; the error has the code
    ///   of the first and names them all (up to ten).
    static func scan(_ root: Directory, jobs: Int = min(Workers.coreCount, 8)) throws -> [ScannedEntry] {
        let walk = Monitor(Walk())
        try Workers.run(jobs) {
            while case .some(.some(let folder)) = walk.wait({ $0.next() }) {
                do {
                    let found = try visit(folder, below: root)
                    try walk.update { try $0.add(found, in: root.path) }
                } catch {
                    walk.update { $0.isFailed = true }
                    throw error
                }
            }
        }
        return try walk.update { walk in
            try walk.throwFlaws(in: root.path)
            return walk.entries.sorted { $0.path < $1.path }
        }
    }

    private struct Walk {
        var entries: [ScannedEntry] = []
        var flaws: [(path: String, error: PackagingError)] = []
        /// Not listed yet, by paths: an open folder for each would be too many.
        var folders: [EntryPath?] = [nil]
        var underWay = 0
        var isFailed = false

        /// `.none`: wait; `.some(nil)`: there is no more.
        mutating func next() -> Folder?? {
            if isFailed || (folders.isEmpty && underWay == 0) { return .some(nil) }
            guard let path = folders.popLast() else { return .none }
            underWay += 1
            return Folder(path: path)
        }

        mutating func add(_ found: Found, in root: String) throws {
            underWay -= 1
            guard entries.count + found.entries.count <= PayloadIndex.entriesMax else {
                throw PackagingError(
                    code: "source.entries",
                    summary: "\(root): the tree has more than \(PayloadIndex.entriesMax) entries.",
                    remedy: "Split it into several release units.")
            }
            for entry in found.entries where entry.content == .directory { folders.append(entry.path) }
            entries += found.entries
            flaws += found.flaws
        }

        mutating func throwFlaws(in root: String) throws {
            flaws.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
            guard let first = flaws.first?.error else { return }
            guard flaws.count > 1 else { throw first }
            let shown = flaws.prefix(10).map(\.error.summary).joined(separator: " ")
            let more = flaws.count > 10 ? " And \(flaws.count - 10) more." : ""
            throw PackagingError(
                code: String(first.code.dropFirst("packaging.".count)),
                summary: "\(root) has \(flaws.count) entries that cannot be packed. \(shown)\(more)",
                remedy: first.remedy, cause: first.cause)
        }
    }

    private struct Folder {
        /// nil is the root.
        var path: EntryPath?
    }

    private struct Found {
        var entries: [ScannedEntry] = []
        var flaws: [(path: String, error: PackagingError)] = []
    }

    private static func visit(_ folder: Folder, below root: Directory) throws -> Found {
        let directory = try folder.path.map { try root.directory($0.text) } ?? root
        var found = Found()
        for name in try names(of: directory) {
            do {
                let path = try folder.path?.appending(name.name) ?? EntryPath(name.name)
                found.entries.append(try entry(path, name.name, in: directory))
            } catch let flaw as PackagingError {
                found.flaws.append((folder.path.map { $0.text + "/" + name.name } ?? name.name, flaw))
            }
        }
        return found
    }

    private static func entry(_ path: EntryPath, _ name: String, in directory: Directory) throws -> ScannedEntry {
        guard let status = try directory.status(name) else { throw changed(path) }
        switch status.kind {
        case .directory: return ScannedEntry(path: path, content: .directory, mode: 0o755)
        case .file:
            guard status.mode & 0o6000 == 0 else { throw setsUser(path, status.mode) }
            // The attribute is for whoever runs the file: nobody runs one that nobody may execute.
            guard status.mode & 0o111 == 0 || !directory.hasCapability(name) else { throw hasCapability(path) }
            return ScannedEntry(
                path: path,
                content: .file(size: status.size, modifiedAt: status.modifiedAt, inode: status.inode),
                mode: status.mode & 0o100 == 0 ? 0o644 : 0o755)
        case .symlink:
            let target = try LinkTarget(directory.readLink(name), from: path)
            return ScannedEntry(path: path, content: .link(target), mode: 0o777)
        case .other:
            throw PackagingError(
                code: "source.special", summary: "\(path) is a device, pipe or socket.",
                remedy: "Packages hold files, folders and relative links: remove it.")
        }
    }

    private static func names(of directory: Directory) throws -> [DirectoryEntry] {
        do { return try directory.list() } catch let error as EffectsError where error.code == "effects.file.name" {
            throw PackagingError(
                code: "path.utf8", summary: error.summary,
                remedy: "Rename it: `ls -b` on the folder shows the bytes. Packages have UTF-8 names only.")
        }
    }

    private static func hasCapability(_ path: EntryPath) -> PackagingError {
        PackagingError(
            code: "source.capability",
            summary: "\(path) has the attribute security.capability, which gives rights to whoever runs it.",
            remedy: "Packages carry no attributes: `setcap -r` it, and give the rights to the service"
                + " (AmbientCapabilities= of its unit).")
    }

    private static func setsUser(_ path: EntryPath, _ mode: UInt16) -> PackagingError {
        PackagingError(
            code: "source.setuid",
            summary: "\(path) has mode 0\(String(mode, radix: 8)), which sets the user or group of whoever runs it.",
            remedy: "Packages carry no such files: chmod u-s,g-s it, or run it as a service of that user.")
    }

    static func changed(_ path: EntryPath) -> PackagingError {
        PackagingError(
            code: "source.changed", summary: "\(path) changed while the tree was read.",
            remedy: "Build from a tree that nobody writes to.")
    }
}
