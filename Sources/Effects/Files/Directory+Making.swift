import CSystemShims
import Glibc
import ReleaseDefinition

/// One step each, for whoever makes ten thousand files: a name is one component in an open directory, so no path is walked
/// and no link can stand in its way.
extension Directory {
    /// A new file, for reading and writing, with what of the mode umask and default rights leave.
    /// - Throws: `effects.file.exists` if there is anything of that name, a link included.
    public func makeFile(_ name: String, mode: UInt16) throws -> OpenFile {
        let full = try component(name)
        let opened = try SystemCall.check("openat", full) {
            openat(descriptor, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(mode))
        }
        return OpenFile(descriptor: opened, path: full)
    }

    /// A new folder, with what of the mode umask and default rights leave.
    /// - Throws: `effects.file.exists` if there is anything of that name.
    public func makeDirectory(_ name: String, mode: UInt16) throws {
        let full = try component(name)
        try SystemCall.check("mkdirat", full) { mkdirat(descriptor, name, mode_t(mode)) }
    }

    /// A regular file that is there, with its status; nil where there is none, or something else.
    public func existingFile(_ name: String) throws -> (file: OpenFile, status: FileStatus)? {
        let full = try component(name)
        let opened = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        if opened < 0 {
            if [ENOENT, ELOOP, ENXIO, EACCES].contains(errno) { return nil }
            throw SystemCall.error(errno, "openat", full)
        }
        let file = OpenFile(descriptor: opened, path: full)
        let status = try file.status()
        return status.kind == .file ? (file, status) : nil
    }

    /// A second name for the very file that is open, whatever its first name leads to by now.
    /// - Throws: `effects.file.exists`; `effects.file.links`: this file cannot have another name here.
    public func link(_ file: OpenFile, as name: String) throws {
        let full = try component(name)
        guard slipway_link_open_file(file.descriptor, descriptor, name) != 0 else { return }
        guard [EMLINK, EXDEV, ENOENT, EPERM].contains(errno) else { throw SystemCall.error(errno, "linkat", full) }
        throw EffectsError(
            code: "file.links", summary: "\(file.path) cannot have another name, \(full).", remedy: "Copy it.",
            cause: "linkat: \(SystemCall.message(errno))")
    }

    /// Access and modification time of a symbolic link, not of what it points to.
    public func setLinkModified(_ name: String, at instant: UTCInstant) throws {
        let full = try component(name)
        let time = OpenFile.time(instant)
        try SystemCall.check("utimensat", full) {
            utimensat(descriptor, name, [time, time], AT_SYMLINK_NOFOLLOW)
        }
    }

    /// Of the directory itself.
    public func status() throws -> FileStatus {
        var status = stat()
        try SystemCall.check("fstat", path) { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    /// How many more files the file system can hold; nil where it has no such limit.
    public func freeFiles() throws -> UInt64? {
        var status = statvfs()
        try SystemCall.check("fstatvfs", path) { fstatvfs(descriptor, &status) }
        return status.f_files == 0 ? nil : UInt64(status.f_favail)
    }

    private func component(_ name: String) throws -> String {
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == 0 || $0 == 0x2F }) else {
            throw EffectsError(
                code: "file.path", summary: "\(name.debugDescription) is no name of a file.",
                remedy: "Use a name without `/`.")
        }
        return path.hasSuffix("/") ? path + name : path + "/" + name
    }
}

extension OpenFile {
    /// Lets this empty file share the other's blocks (a reflink: both stay files of their own). False where the file
    /// system cannot.
    public func clone(_ source: OpenFile) throws -> Bool {
        if slipway_clone_file(descriptor, source.descriptor) == 0 { return true }
        guard [EOPNOTSUPP, ENOTTY, EXDEV, EINVAL, ENOSYS, EPERM, ETXTBSY].contains(errno) else {
            throw SystemCall.error(errno, "ioctl FICLONE", path)
        }
        return false
    }

    static func time(_ instant: UTCInstant) -> timespec {
        let (seconds, rest) = instant.millisecondsSince1970.quotientAndRemainder(dividingBy: 1000)
        return timespec(tv_sec: Int(max(seconds, 0)), tv_nsec: Int(max(rest, 0)) * 1_000_000)
    }
}
