import CSystemShims
import Glibc
import ReleaseDefinition

extension Directory {
    /// Replaces or makes a file in one step: a reader, and a restart after a power cut, finds the old bytes or the new
    /// ones and never a mixture. Write beside it, fsync, rename, fsync of the directory. The mode is exact.
    ///
    /// The file beside it is `.NAME.new`. One that a killed writer left is written over; two writers at once, in this
    /// process or another, take turns by a lock on it.
    ///
    /// - Parameter asFolder: written by root, the file is the folder's owner's.
    public func writeDurably(
        _ path: String, _ bytes: some Collection<UInt8>, mode: UInt16 = 0o644, asFolder: Bool = false
    ) throws {
        let full = try fullPath(path)
        let place = try place(of: path)
        let temporary = ".\(place.name).new"
        let holder = place.descriptor
        let beside = OpenFile(descriptor: try lockTemporary(temporary, in: holder, full: full), path: full)
        // The lock goes with the descriptor, which must outlive the rename.
        try withExtendedLifetime(beside) {
            do {
                try beside.truncate(to: ByteCount(0))
                try beside.setMode(mode)
                if asFolder, geteuid() == 0 {
                    let owner = try OpenFile.status(of: holder, full)
                    try beside.setOwner(owner.ownerID, group: owner.groupID)
                }
                try beside.write(bytes)
                try beside.sync()
                try SystemCall.check("renameat", full) { renameat(holder, temporary, holder, place.name) }
            } catch {
                // A full disk must not be kept full by what could not be finished.
                unlinkat(holder, temporary, 0)
                throw error
            }
        }
        try Self.syncHolder(place, full)
    }

    /// Opens `.NAME.new` so that it is ours alone: locked, one link, and still the file behind the name.
    private func lockTemporary(_ name: String, in descriptor: Int32, full: String) throws -> Int32 {
        for _ in 0..<1000 {
            let opened = slipway_open_beneath(descriptor, name, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o600)
            if opened < 0 {
                let number = errno
                guard number == ELOOP || number == EISDIR || number == ENXIO else {
                    throw SystemCall.error(number, "openat2", full)
                }
                try Self.removeTree(name, in: descriptor, full: full)
                continue
            }
            var (mine, named) = (stat(), stat())
            let isMine =
                flock(opened, LOCK_EX) == 0 && fstat(opened, &mine) == 0
                && fstatat(descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0
                && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
            // Renamed away by the writer whose turn it was, or removed: there is a new one to be made.
            guard isMine else {
                close(opened)
                continue
            }
            // A second link, or no regular file: not what a writer of ours left. Writing into it could hurt another file.
            if mine.st_nlink == 1, FileStatus.Kind(mode: mine.st_mode) == .file { return opened }
            unlinkat(descriptor, name, 0)
            close(opened)
        }
        throw EffectsError(
            code: "file.contended", summary: "\(full): others kept replacing \(name) 1000 times.",
            remedy: "Find out which program writes into this folder.")
    }

    /// - Throws: `effects.file.exists` if there is anything of that name.
    public func createSymlink(_ path: String, to target: String) throws {
        let full = try fullPath(path)
        let place = try place(of: path)
        guard !target.isEmpty, !target.utf8.contains(0) else {
            throw EffectsError(
                code: "file.path", summary: "\(target.debugDescription) cannot be the target of a link.",
                remedy: "Give a path.")
        }
        try SystemCall.check("symlinkat", full) { symlinkat(target, place.descriptor, place.name) }
    }

    /// Moves in one step, replacing a file or link of that name. Not durable by itself: `sync()` the directory once after
    /// many.
    public func renameUnsynced(_ from: String, to: String) throws {
        let old = try place(of: from)
        let new = try place(of: to)
        try SystemCall.check("renameat", "\(joined(from)) → \(to)") {
            renameat(old.descriptor, old.name, new.descriptor, new.name)
        }
    }

    /// Moves in one step, replacing a file or link of that name; durable when it returns.
    public func rename(_ from: String, to: String) throws {
        let old = try place(of: from)
        let new = try place(of: to)
        let full = try fullPath(from)
        try SystemCall.check("renameat", "\(full) → \(to)") {
            renameat(old.descriptor, old.name, new.descriptor, new.name)
        }
        try Self.syncHolder(new, full)
        // Most often both names are in this very folder.
        if old.descriptor != new.descriptor { try Self.syncHolder(old, full) }
    }

    /// Swaps two names in one step; durable when it returns.
    public func exchange(_ one: String, with other: String) throws {
        let old = try place(of: one)
        let new = try place(of: other)
        let full = try fullPath(one)
        try SystemCall.check("renameat2", "\(full) ⇄ \(other)") {
            slipway_rename_exchange(old.descriptor, old.name, new.descriptor, new.name)
        }
        try Self.syncHolder(new, full)
        if old.descriptor != new.descriptor { try Self.syncHolder(old, full) }
    }

    /// A second name for a file of `source`. Not durable by itself.
    public func hardLink(_ path: String, from source: Directory, _ sourcePath: String) throws {
        let old = try source.place(of: sourcePath)
        let new = try place(of: path)
        try SystemCall.check("linkat", joined(path)) {
            linkat(old.descriptor, old.name, new.descriptor, new.name, 0)
        }
    }

    /// Absent is fine.
    public func removeFile(_ path: String) throws {
        guard try status(path) != nil else { return }
        let place = try place(of: path)
        if unlinkat(place.descriptor, place.name, 0) != 0, errno != ENOENT {
            throw SystemCall.error(errno, "unlinkat", try fullPath(path))
        }
    }

    private static func syncHolder(_ place: borrowing DirectoryPlace, _ full: String) throws {
        let descriptor = place.descriptor
        try SystemCall.check("fsync", full) { fsync(descriptor) }
    }
}
