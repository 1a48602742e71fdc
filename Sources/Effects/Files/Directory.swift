import CSystemShims
import Glibc
import ReleaseDefinition

/// An open directory; everything below it is reached through its descriptor.
///
/// Each path argument is relative, in UTF-8, and is resolved beneath the directory: no symbolic link is followed in any
/// part of it and nothing outside can be reached, even while somebody swaps folders for links (openat2 with
/// RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS). Only `open` and `create`, which take the operator's own path, follow links.
///
/// - Throws (all members): `EffectsError` `effects.file.…`: absent, exists, notDirectory, isDirectory, notFile, denied,
///   readOnly, noSpace, escape, path, tooLarge, failed.
public final class Directory: Sendable {
    /// For messages only.
    public let path: String
    public let descriptor: Int32

    /// Takes the descriptor over.
    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// The same folder under another name in messages: what a person knows it by, where its own path says nothing to them.
    public func shown(as name: String) throws -> Directory {
        let copy = try SystemCall.check("fcntl", path) { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
        return Directory(descriptor: copy, path: name)
    }

    /// The folder of a file that a person named by any path, `.` where the path has none, and the name in it.
    public static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }

    /// A folder as a person names it; nothing at all is what a variable of a shell holds that was never set.
    /// - Throws: `effects.file.path`.
    @Sendable public static func named(_ path: String) throws -> String {
        guard !path.isEmpty else {
            throw EffectsError(
                code: "file.path", summary: "An empty text names no folder.",
                remedy: "Write the folder's path, or . for the one you are in; a variable that gave it may be unset.")
        }
        return path
    }

    public static func open(_ path: String) throws -> Directory {
        let descriptor = try SystemCall.check("open", path) {
            Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        return Directory(descriptor: descriptor, path: path)
    }

    /// Makes the folder and its missing parents, durably, then opens it. One that is there keeps its mode.
    public static func create(_ path: String, mode: UInt16 = 0o755) throws -> Directory {
        do { return try open(path) } catch let error as EffectsError where error.code == "effects.file.absent" {}
        let parts = path.split(separator: "/")
        guard let last = parts.last, last != ".", last != ".." else { return try open(path) }
        let parent = parts.dropLast().joined(separator: "/")
        let start = path.hasPrefix("/") ? "/" : (parent.isEmpty ? "." : "")
        let above = try create(start + parent)
        if mkdirat(above.descriptor, String(last), mode_t(mode)) != 0, errno != EEXIST {
            throw SystemCall.error(errno, "mkdir", path)
        }
        try above.sync()
        return try open(path)
    }

    public func directory(_ path: String) throws -> Directory {
        let full = try fullPath(path)
        let descriptor = try SystemCall.check("openat2", full) {
            slipway_open_beneath(self.descriptor, path, O_RDONLY | O_DIRECTORY, 0)
        }
        return Directory(descriptor: descriptor, path: full)
    }

    /// Makes the folder and its missing parents, then opens it. One that is there keeps its mode. Not durable by
    /// itself: `sync()` the directory above, or `syncFileSystem()` once after many.
    @discardableResult
    public func createDirectory(_ path: String, mode: UInt16 = 0o755) throws -> Directory {
        do { return try directory(path) } catch let error as EffectsError where error.code == "effects.file.absent" {}
        let place = try place(of: path, makingParents: true)
        if mkdirat(place.descriptor, place.name, mode_t(mode)) == 0 {
            let made = try directory(path)
            // The process's umask may have taken bits away that the caller asked for.
            try SystemCall.check("fchmod", made.path) { fchmod(made.descriptor, mode_t(mode)) }
            return made
        }
        guard errno == EEXIST else { throw SystemCall.error(errno, "mkdirat", try fullPath(path)) }
        return try directory(path)
    }

    /// For reading. Anything but a regular file is refused, and a pipe does not block.
    public func openFile(_ path: String) throws -> OpenFile { try openRegular(path, flags: O_RDONLY) }

    /// A new file, for reading and writing. The mode is exact, whatever the umask.
    /// - Throws: `effects.file.exists` if there is anything of that name.
    public func createFile(_ path: String, mode: UInt16 = 0o644) throws -> OpenFile {
        let file = try openRegular(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: mode)
        try file.setMode(mode)
        return file
    }

    /// For writing at the end and reading anywhere; made if absent.
    public func appendFile(_ path: String, mode: UInt16 = 0o600) throws -> OpenFile {
        try openRegular(path, flags: O_RDWR | O_APPEND | O_CREAT, mode: mode)
    }

    /// For reading and writing in place; it must be there.
    public func updateFile(_ path: String) throws -> OpenFile { try openRegular(path, flags: O_RDWR) }

    /// - Throws: `effects.file.absent`, `effects.file.tooLarge`.
    public func read(_ path: String, sizeMax: ByteCount) throws -> [UInt8] {
        try openFile(path).readAll(sizeMax: sizeMax)
    }

    public func readIfPresent(_ path: String, sizeMax: ByteCount) throws -> [UInt8]? {
        do { return try read(path, sizeMax: sizeMax) } catch let error as EffectsError
            where error.code == "effects.file.absent"
        { return nil }
    }

    /// nil when there is nothing of that name.
    public func status(_ path: String) throws -> FileStatus? {
        do {
            let place = try place(of: path)
            var status = stat()
            try SystemCall.check("fstatat", joined(path)) {
                fstatat(place.descriptor, place.name, &status, AT_SYMLINK_NOFOLLOW)
            }
            return FileStatus(status)
        } catch let error as EffectsError
            where error.code == "effects.file.absent" || error.code == "effects.file.notDirectory"
        { return nil }
    }

    public func readLink(_ path: String) throws -> String {
        let full = try fullPath(path)
        let place = try place(of: path)
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try SystemCall.check("readlinkat", full) {
            readlinkat(place.descriptor, place.name, &buffer, buffer.count)
        }
        let bytes = buffer.prefix(length).map { UInt8(bitPattern: $0) }
        guard let target = String(validating: bytes, as: UTF8.self) else {
            throw Self.notUTF8(full)
        }
        return target
    }

    /// Whether a file or folder of this folder has a `user.` attribute or an access control list.
    /// - Parameter name: a plain name, no path.
    public func hasOwnAttributes(_ name: String) -> Bool { slipway_has_own_attributes(descriptor, name) == 1 }

    /// Whether a file of this folder gives rights to whoever runs it: the attribute `security.capability`.
    /// - Parameter name: a plain name, no path.
    public func hasCapability(_ name: String) -> Bool { slipway_has_capability(descriptor, name) == 1 }

    /// The names and their kinds, sorted by bytes, without `.` and `..`.
    /// - Throws: `effects.file.name`: a name is not UTF-8.
    public func list(_ path: String = ".") throws -> [DirectoryEntry] {
        let directory = path == "." ? self : try directory(path)
        return try directory.rawEntries().map { raw in
            guard let name = raw.text else { throw Self.notUTF8(directory.path) }
            return DirectoryEntry(name: name, kind: raw.kind)
        }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The names in it are on the disk when this returns (not the files' contents).
    public func sync() throws { try SystemCall.check("fsync", path) { fsync(descriptor) } }

    /// Everything written to this file system so far is on the disk when this returns.
    public func syncFileSystem() throws { try SystemCall.check("syncfs", path) { slipway_syncfs(descriptor) } }

    /// What an ordinary user may still write.
    public func freeSpace() throws -> ByteCount {
        var status = statvfs()
        try SystemCall.check("fstatvfs", path) { fstatvfs(descriptor, &status) }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return ByteCount(overflow ? UInt64.max : bytes)
    }

    /// Whether the file system was mounted so, or turned so when its disk failed.
    public func isReadOnly() throws -> Bool {
        var status = statvfs()
        try SystemCall.check("fstatvfs", path) { fstatvfs(descriptor, &status) }
        return status.f_flag & UInt(ST_RDONLY) != 0
    }

    public func setMode(_ mode: UInt16) throws {
        try SystemCall.check("fchmod", path) { fchmod(descriptor, mode_t(mode)) }
    }

    static func notUTF8(_ path: String) -> EffectsError {
        EffectsError(
            code: "file.name", summary: "A name in \(path) is not UTF-8.",
            remedy: "Rename it: only UTF-8 names are kept.")
    }
}
