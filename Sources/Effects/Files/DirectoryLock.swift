import Glibc
import ReleaseDefinition

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
        var file = try openRegular(".lock", flags: O_RDWR | O_CREAT, mode: 0o600)
        while true {
            if flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
                let number = errno
                if number == EWOULDBLOCK { return nil }
                if number != EINTR { throw SystemCall.error(number, "flock", file.path) }
                continue
            }
            // Who had it may have removed it since it was opened here: then it holds nobody off.
            if try status(".lock")?.inode == file.status().inode { break }
            file = try openRegular(".lock", flags: O_RDWR | O_CREAT, mode: 0o600)
        }
        // For people who find it held; it decides nothing, so it need not succeed.
        try? file.truncate(to: ByteCount(0))
        try? file.write(Array("\(getpid())\n".utf8), at: 0)
        return DirectoryLock(file: file)
    }

    /// The process that took the lock last, as it said; nil: nobody did. Whether it still has it only `lock` tells.
    public func lockOwner() -> Int32? {
        guard let bytes = try? readIfPresent(".lock", sizeMax: ByteCount(64)) else { return nil }
        return Int32(String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self))
    }
}
