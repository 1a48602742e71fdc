import Glibc

/// Holds a directory's `.lock` (flock). Released with the last reference, and by the kernel when the process ends, so
/// none is ever stale. Children do not inherit it: the descriptor is closed upon exec.
public final class DirectoryLock: Sendable {
    private let file: OpenFile

    init(file: OpenFile) { self.file = file }

    /// Gives it back before the last reference goes.
    public func release() { flock(file.descriptor, LOCK_UN) }
}

extension Directory {
    /// nil when another process, or another part of this one, has it.
    public func lock() throws -> DirectoryLock? {
        let file = try openRegular(".lock", flags: O_RDWR | O_CREAT, mode: 0o600)
        while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
            let number = errno
            if number == EWOULDBLOCK { return nil }
            if number != EINTR { throw SystemCall.error(number, "flock", file.path) }
        }
        return DirectoryLock(file: file)
    }
}
