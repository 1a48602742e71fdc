import CSystemShims
import Glibc
import ReleaseDefinition

/// Where a name lives: the directory that holds it, opened, and the last part of the path.
struct DirectoryPlace: ~Copyable {
    let descriptor: Int32
    let name: String
    private let isOwned: Bool

    init(descriptor: Int32, name: String, isOwned: Bool) {
        self.descriptor = descriptor
        self.name = name
        self.isOwned = isOwned
    }

    deinit { if isOwned { close(descriptor) } }
}

extension Directory {
    /// The path for messages; every path argument passes here first.
    /// - Throws: `effects.file.path`: empty, absolute, with `..` or a zero byte.
    func fullPath(_ path: String) throws -> String {
        guard Self.isPlain(path) else {
            throw EffectsError(
                code: "file.path", summary: "\(path.debugDescription) does not name anything below \(self.path).",
                remedy: "Use a relative path without `..`.")
        }
        return joined(path)
    }

    /// The same for a path that was checked.
    func joined(_ path: String) -> String {
        self.path.utf8.last == UInt8(ascii: "/") ? self.path + path : self.path + "/" + path
    }

    /// One look at each byte: tens of thousands of paths pass here in a second.
    private static func isPlain(_ path: String) -> Bool {
        let (slash, dot) = (UInt8(ascii: "/"), UInt8(ascii: "."))
        var path = path
        return path.withUTF8 { bytes in
            guard let first = bytes.first, first != slash else { return false }
            // Dots since the last slash; nil where there is anything else.
            var dots: Int? = 0
            for byte in bytes {
                switch byte {
                case 0: return false
                case slash:
                    if dots == 2 { return false }
                    dots = 0
                case dot: dots = dots.map { $0 + 1 }
                default: dots = nil
                }
            }
            return dots != 2
        }
    }

    /// Opens the directory that holds the last part of `path`, beneath this one and without following links.
    func place(of path: String, makingParents: Bool = false) throws -> DirectoryPlace {
        let full = try fullPath(path)
        if path != ".", !path.utf8.contains(UInt8(ascii: "/")) {
            return DirectoryPlace(descriptor: descriptor, name: path, isOwned: false)
        }
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard let last = parts.last else {
            throw EffectsError(
                code: "file.path", summary: "\(path.debugDescription) names \(self.path) itself.",
                remedy: "Name something below it.")
        }
        guard parts.count > 1 else { return DirectoryPlace(descriptor: descriptor, name: String(last), isOwned: false) }
        let parent = parts.dropLast().joined(separator: "/")
        if makingParents { _ = try createDirectory(parent) }
        let opened = try SystemCall.check("openat2", full) {
            slipway_open_beneath(descriptor, parent, O_RDONLY | O_DIRECTORY, 0)
        }
        return DirectoryPlace(descriptor: opened, name: String(last), isOwned: true)
    }

    /// Opens a regular file and nothing else. O_NONBLOCK only keeps the open of a pipe from waiting for its other end.
    func openRegular(_ path: String, flags: Int32, mode: UInt16 = 0) throws -> OpenFile {
        let full = try fullPath(path)
        let opened = try SystemCall.check("openat2", full) {
            slipway_open_beneath(descriptor, path, flags | O_NONBLOCK | O_NOCTTY, mode_t(mode))
        }
        let file = OpenFile(descriptor: opened, path: full)
        let kind = try file.status().kind
        guard kind == .file else {
            throw EffectsError(
                code: kind == .directory ? "file.isDirectory" : "file.notFile",
                summary: "\(full) is no regular file.", remedy: "Check the path.")
        }
        return file
    }

    /// A name as the kernel gives it: it need not be UTF-8.
    struct RawEntry {
        var name: [CChar]
        var kind: FileStatus.Kind

        var text: String? { String(validatingCString: name) }
    }

    /// In the kernel's order, without `.` and `..`.
    func rawEntries() throws -> [RawEntry] {
        // A fresh description, so that two listings do not share one position.
        let fresh = try SystemCall.check("openat", path) {
            openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard let stream = fdopendir(fresh) else {
            let number = errno
            close(fresh)
            throw SystemCall.error(number, "fdopendir", path)
        }
        defer { closedir(stream) }
        var entries: [RawEntry] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw SystemCall.error(errno, "readdir", path) }
                return entries
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { text in
                    Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
                }
            }
            let dot = CChar(bitPattern: UInt8(ascii: "."))
            if name == [dot, 0] || name == [dot, dot, 0] { continue }
            if let kind = try kind(of: name, hint: Int32(entry.pointee.d_type)) {
                entries.append(RawEntry(name: name, kind: kind))
            }
        }
    }

    /// nil when it vanished between the listing and the look.
    private func kind(of name: [CChar], hint: Int32) throws -> FileStatus.Kind? {
        switch hint {
        case Int32(DT_REG): return .file
        case Int32(DT_DIR): return .directory
        case Int32(DT_LNK): return .symlink
        case Int32(DT_UNKNOWN):
            var status = stat()
            if fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0 {
                if errno == ENOENT { return nil }
                throw SystemCall.error(errno, "fstatat", path)
            }
            return FileStatus.Kind(mode: status.st_mode)
        default: return .other
        }
    }
}
