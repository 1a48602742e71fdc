import Effects
import ReleaseDefinition
import ReleasePackaging

/// A file that was made, for whoever lists them.
struct MadeFile {
    var path: EntryPath
    var sha256: SHA256Digest
    /// In hexadecimal.
    var sha1: String
}

/// Makes an archive's tree beneath a folder, one entry after another: files, folders, and relative links that stay inside,
/// which are made after all files. Whatever a package cannot carry is refused, never left out.
///
/// - Throws (all members): `foreignArchives.…`, `packaging.path.…`, `effects.file.…`. What was made is left to the caller.
final class TreeMaker {
    private enum Seen { case folder, impliedFolder, file, link }

    private let root: Directory
    private let archive: String
    private let bounds: ArchiveBounds
    private let listsFiles: Bool
    private var seen: [EntryPath: Seen] = [:]
    private var links: [(EntryPath, LinkTarget)] = []
    private var entries = 0
    private var size: Int64 = 0
    private(set) var files: [MadeFile] = []

    /// - Parameter listsFiles: whether `files` is wanted; it costs a second digest.
    init(_ root: Directory, archive: String, bounds: ArchiveBounds, listsFiles: Bool) {
        self.root = root
        self.archive = archive
        self.bounds = bounds
        self.listsFiles = listsFiles
    }

    /// - Parameter content: the archive at this entry.
    func add(_ header: ArchiveHeader, content: LibraryArchive) throws {
        entries += 1
        guard entries <= bounds.entriesMax else {
            throw refuse(
                "entries", "has more than \(bounds.entriesMax) entries", "Split it into several release units.")
        }
        guard let path = try Self.path(header.path) else {
            guard header.kind == .directory else { throw refuse("root", "has a \".\" that is no folder") }
            return
        }
        try checkMode(header, path)
        switch header.kind {
        case .directory:
            try admit(path, as: .folder)
            try root.createDirectory(path.text, mode: 0o755)
        case .symlink(let target):
            try admit(path, as: .link)
            links.append((path, try Self.link(target, from: path)))
        case .file:
            try admit(path, as: .file)
            try write(content, size: header.size, to: path, mode: header.mode)
        case .hardLink(let target):
            try admit(path, as: .file)
            try copy(target, to: path, mode: header.mode, size: header.size)
        case .special:
            throw refuse(
                "special", "has \(EntryPath.shown(path.text)), which is a device, pipe or socket",
                "Packages hold files, folders and relative links: make the archive without it.")
        }
    }

    /// Called once, after the last entry.
    func finish() throws {
        guard entries > 0 else { throw refuse("empty", "has no entries", "Check that it is the right archive.") }
        // Folders first: none of them may be met as a link.
        for case let folder? in Set(links.map(\.0.parent)) { try root.createDirectory(folder.text, mode: 0o755) }
        for (path, target) in links { try root.createSymlink(path.text, to: target.text) }
    }

    // MARK: rules

    /// As tars write them: `./bin/`, `bin/`, `bin`. nil for the root itself.
    private static func path(_ bytes: [UInt8]) throws -> EntryPath? {
        var rest = bytes[...]
        while rest.starts(with: "./".utf8) {
            rest = rest.dropFirst(2)
            while rest.first == UInt8(ascii: "/") { rest = rest.dropFirst() }
        }
        while rest.count > 1, rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
        if rest.isEmpty ? !bytes.isEmpty : rest.elementsEqual(".".utf8) { return nil }
        return try EntryPath(bytes: rest)
    }

    private static func link(_ target: [UInt8], from path: EntryPath) throws -> LinkTarget {
        guard let text = String(validating: target, as: UTF8.self) else {
            throw ForeignArchiveError(
                code: "link", summary: "The target of the link \(EntryPath.shown(path.text)) is not valid UTF-8.",
                remedy: "Make the archive without it.")
        }
        do { return try LinkTarget(text, from: path) } catch {
            throw ForeignArchiveError(
                code: "link", summary: error.summary,
                remedy:
                    "Packages carry links that are relative and stay in the tree: make it relative, or make the archive"
                    + " without it and let a hook make the link.",
                cause: error.code)
        }
    }

    private func checkMode(_ header: ArchiveHeader, _ path: EntryPath) throws {
        guard header.mode & 0o6000 == 0 else {
            throw refuse(
                "setuid",
                "has \(EntryPath.shown(path.text)) with mode 0\(String(header.mode, radix: 8)), which sets the user or group",
                "Packages carry no such files: chmod u-s,g-s before you make the archive.")
        }
        if let name = header.extendedAttribute {
            throw refuse(
                "attributes", "has \(EntryPath.shown(path.text)) with the extended attribute \(name)",
                "Packages carry none: make the archive without --xattrs, --acls and --selinux; capabilities belong into"
                    + " the service's unit (AmbientCapabilities=).")
        }
        guard !header.isSparse else {
            throw refuse(
                "sparse", "has \(EntryPath.shown(path.text)) as a sparse file", "Make the archive without --sparse.")
        }
    }

    private func admit(_ path: EntryPath, as kind: Seen) throws {
        switch (seen[path], kind) {
        case (nil, _), (.impliedFolder, .folder): break
        case (.impliedFolder, _):
            throw refuse("parent", "has \(EntryPath.shown(path.text)) after what lies below it, and it is no folder")
        default:
            throw refuse("duplicate", "has \(EntryPath.shown(path.text)) twice", "Make it anew, with each path once.")
        }
        var parent = path.parent
        while let folder = parent {
            switch seen[folder] {
            case .folder, .impliedFolder: parent = nil
            case .file, .link:
                throw refuse(
                    "parent",
                    "has \(EntryPath.shown(path.text)) below \(EntryPath.shown(folder.text)), which is no folder")
            case nil:
                entries += 1
                seen[folder] = .impliedFolder
                parent = folder.parent
            }
        }
        seen[path] = kind
    }

    // MARK: files

    private func write(_ content: LibraryArchive, size: Int64?, to path: EntryPath, mode: UInt16) throws {
        guard let size, size >= 0 else {
            throw refuse("size", "does not say how long \(EntryPath.shown(path.text)) is")
        }
        try reserve(size)
        let digests = listsFiles ? FileDigests() : nil
        let file = try create(path)
        var written: Int64 = 0
        while let (offset, bytes) = try content.nextData() {
            guard offset == written, Int64(bytes.count) <= size - written else {
                throw refuse("sparse", "has \(EntryPath.shown(path.text)) in pieces that do not follow one another")
            }
            try file.write(bytes)
            digests?.update(bytes)
            written += Int64(bytes.count)
        }
        guard written == size else {
            throw refuse("size", "has \(written) bytes of \(EntryPath.shown(path.text)), its header says \(size)")
        }
        try finish(file, path, mode, digests)
    }

    /// A hard link becomes a file of its own with the same content: a package has no other.
    private func copy(_ target: [UInt8], to path: EntryPath, mode: UInt16, size: Int64?) throws {
        guard size ?? 0 == 0, let from = try Self.path(target), seen[from] == .file, from != path else {
            throw refuse(
                "hardLink",
                "has \(EntryPath.shown(path.text)) as a hard link to \(EntryPath.shown(String(decoding: target, as: UTF8.self))),"
                    + " which is no file before it in the archive",
                "Make it anew with --hard-dereference.")
        }
        let source = try root.openFile(from.text)
        try reserve(try source.size().value)
        let digests = listsFiles ? FileDigests() : nil
        let file = try create(path)
        let stream = FileStream(source)
        while case let bytes = try stream.next(), !bytes.isEmpty {
            try file.write(bytes)
            digests?.update(bytes)
        }
        // One file under two names has one mode: the first one's.
        let first = try source.status().mode
        try finish(file, path, first | mode & 0o100, digests)
    }

    private func reserve(_ more: Int64) throws {
        let (sum, overflow) = size.addingReportingOverflow(more)
        guard !overflow, sum <= bounds.sizeMax.value else {
            throw refuse(
                "size", "has files of more than \(bounds.sizeMax) in all", "Split it into several release units.")
        }
        size = sum
    }

    private func create(_ path: EntryPath) throws -> OpenFile {
        if let parent = path.parent { try root.createDirectory(parent.text, mode: 0o755) }
        return try root.createFile(path.text, mode: 0o600)
    }

    private func finish(_ file: OpenFile, _ path: EntryPath, _ mode: UInt16, _ digests: FileDigests?) throws {
        try file.setMode(mode & 0o100 == 0 ? 0o644 : 0o755)
        if let (sha256, sha1) = digests?.finish() { files.append(MadeFile(path: path, sha256: sha256, sha1: sha1)) }
    }

    private func refuse(
        _ code: String, _ what: String,
        _ remedy: String = "Nothing of it is used. Make it anew from files, folders and relative links."
    ) -> ForeignArchiveError {
        ForeignArchiveError(code, in: archive, what, remedy: remedy)
    }
}
