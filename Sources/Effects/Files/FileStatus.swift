import Glibc
import ReleaseDefinition

/// What lies behind a name: lstat(2), so a link is a link.
public struct FileStatus: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case file, directory, symlink, other
    }

    public var kind: Kind
    public var size: ByteCount
    /// The twelve low bits: permissions, set-user-ID, set-group-ID, sticky.
    public var mode: UInt16
    public var device: UInt64
    public var inode: UInt64
    public var links: UInt64
    public var ownerID: UInt32
    public var groupID: UInt32
    public var modifiedAt: UTCInstant

    init(_ status: stat) {
        kind = Kind(mode: status.st_mode)
        size = ByteCount(status.st_size)
        mode = UInt16(truncatingIfNeeded: status.st_mode & 0o7777)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        links = UInt64(status.st_nlink)
        ownerID = status.st_uid
        groupID = status.st_gid
        // A file may carry any time; what our instants cannot hold is clamped, never trapped on.
        let seconds = min(max(Int64(status.st_mtim.tv_sec), 0), 253_402_300_799)
        modifiedAt = UTCInstant(millisecondsSince1970: seconds * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
    }
}

extension FileStatus.Kind {
    init(mode: mode_t) {
        switch mode & 0o170000 {
        case 0o100000: self = .file
        case 0o040000: self = .directory
        case 0o120000: self = .symlink
        default: self = .other
        }
    }
}

/// One name in a directory.
public struct DirectoryEntry: Sendable, Hashable {
    public var name: String
    public var kind: FileStatus.Kind

    public init(name: String, kind: FileStatus.Kind) {
        self.name = name
        self.kind = kind
    }
}
