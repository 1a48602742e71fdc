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
    /// - Throws: `packaging.source.…` and `packaging.path.…`. All flaws are found before it throws; the error has the code
    ///   of the first and names them all (up to ten).
    static func scan(_ root: Directory) throws -> [ScannedEntry] {
        var walk = Walk()
        try walk.visit(root, at: nil)
        try walk.throwFlaws(in: root.path)
        return walk.entries.sorted { $0.path < $1.path }
    }

    private struct Walk {
        var entries: [ScannedEntry] = []
        var flaws: [PackagingError] = []

        mutating func visit(_ directory: Directory, at path: EntryPath?) throws {
            let names = try directory.list()
            guard entries.count + names.count <= PayloadIndex.entriesMax else {
                throw PackagingError(
                    code: "source.entries",
                    summary: "\(directory.path): the tree has more than \(PayloadIndex.entriesMax) entries.",
                    remedy: "Split it into several release units.")
            }
            for name in names {
                do {
                    let child = try path?.appending(name.name) ?? EntryPath(name.name)
                    try add(child, name.name, in: directory)
                } catch let flaw as PackagingError {
                    flaws.append(flaw)
                }
            }
        }

        private mutating func add(_ path: EntryPath, _ name: String, in directory: Directory) throws {
            guard let status = try directory.status(name) else { throw Self.changed(path) }
            switch status.kind {
            case .directory:
                entries.append(ScannedEntry(path: path, content: .directory, mode: 0o755))
                try visit(try directory.directory(name), at: path)
            case .file:
                guard status.mode & 0o6000 == 0 else { throw Self.setsUser(path, status.mode) }
                entries.append(
                    ScannedEntry(
                        path: path,
                        content: .file(size: status.size, modifiedAt: status.modifiedAt, inode: status.inode),
                        mode: status.mode & 0o100 == 0 ? 0o644 : 0o755))
            case .symlink:
                let target = try LinkTarget(directory.readLink(name), from: path)
                entries.append(ScannedEntry(path: path, content: .link(target), mode: 0o777))
            case .other:
                throw PackagingError(
                    code: "source.special", summary: "\(path) is a device, pipe or socket.",
                    remedy: "Packages hold files, folders and relative links: remove it.")
            }
        }

        private static func setsUser(_ path: EntryPath, _ mode: UInt16) -> PackagingError {
            PackagingError(
                code: "source.setuid",
                summary:
                    "\(path) has mode 0\(String(mode, radix: 8)), which sets the user or group of whoever runs it.",
                remedy: "Packages carry no such files: chmod u-s,g-s it, or run it as a service of that user.")
        }

        static func changed(_ path: EntryPath) -> PackagingError {
            PackagingError(
                code: "source.changed", summary: "\(path) changed while the tree was read.",
                remedy: "Build from a tree that nobody writes to.")
        }

        func throwFlaws(in root: String) throws {
            guard let first = flaws.first else { return }
            guard flaws.count > 1 else { throw first }
            let shown = flaws.prefix(10).map(\.summary).joined(separator: " ")
            let more = flaws.count > 10 ? " And \(flaws.count - 10) more." : ""
            throw PackagingError(
                code: String(first.code.dropFirst("packaging.".count)),
                summary: "\(root) has \(flaws.count) entries that cannot be packed. \(shown)\(more)",
                remedy: first.remedy, cause: first.cause)
        }
    }

    static func changed(_ path: EntryPath) -> PackagingError { Walk.changed(path) }
}
