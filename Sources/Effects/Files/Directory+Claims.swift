import CSystemShims
import Glibc
import ReleaseDefinition

/// A folder or file under a name of its own that is its maker's as long as the maker lives (flock): whoever comes later can
/// tell what a killed process left from what is in use. Children do not inherit it.
public final class Claim<Place: Sendable>: Sendable {
    public let name: String
    public let place: Place
    private let holder: Directory

    fileprivate init(name: String, place: Place, holder: Directory) {
        (self.name, self.place, self.holder) = (name, place, holder)
    }

    /// Absent is fine.
    public func remove() throws { try holder.removeTree(name) }

    /// Gives it its lasting name, durably.
    public func become(_ name: String) throws { try holder.rename(self.name, to: name) }

    /// The same, durable when the system likes.
    public func becomeUnsynced(_ name: String) throws { try holder.renameUnsynced(self.name, to: name) }
}

extension Directory {
    private static let suffixSize = 12

    /// An empty folder `PREFIX` and 24 hexadecimal digits, held until the last reference to the claim goes.
    public func claimDirectory(
        _ prefix: String, mode: UInt16 = 0o755, random: any RandomDoor = SystemRandom()
    ) throws -> Claim<Directory> {
        try claim(prefix, random) { name in
            let made = try createDirectory(name, mode: mode)
            return (made, made.descriptor)
        }
    }

    /// The same for an empty file.
    public func claimFile(
        _ prefix: String, mode: UInt16 = 0o644, random: any RandomDoor = SystemRandom()
    ) throws -> Claim<OpenFile> {
        try claim(prefix, random) { name in
            let made = try createFile(name, mode: mode)
            return (made, made.descriptor)
        }
    }

    private func claim<Place>(
        _ prefix: String, _ random: any RandomDoor, _ make: (String) throws -> (Place, Int32)
    ) throws -> Claim<Place> {
        for _ in 0..<100 {
            let name = prefix + Hexadecimal.encode(random.bytes(Self.suffixSize))
            let (place, made): (Place, Int32)
            // Between its making and its lock a sweep may take it for a dead one's.
            do { (place, made) = try make(name) } catch let error as EffectsError
                where error.code == "effects.file.absent"
            { continue }
            if Self.tryLock(made), Self.isBehind(name, in: descriptor, made) {
                return Claim(name: name, place: place, holder: self)
            }
        }
        throw EffectsError(
            code: "file.contended", summary: "\(path): others kept removing what was made there.",
            remedy: "Find out which program sweeps this folder.")
    }

    /// Removes what `claimDirectory` and `claimFile` made for processes of this user that did not come to remove it.
    /// - Parameters:
    ///   - count: at most so many, so that nobody waits for long; the next sweep takes the next.
    ///   - entriesMax: files, links and folders in all of them; the next sweep goes on where this one ends.
    /// - Returns: how many went. What cannot be removed stays.
    @discardableResult
    public func sweepClaims(_ prefix: String, atMost count: Int = 16, entriesMax: Int = 1000) throws -> Int {
        var (swept, left) = (0, entriesMax)
        for entry in try rawEntries() where swept < count && left > 0 {
            guard entry.kind == .directory || entry.kind == .file, let name = entry.text, name.hasPrefix(prefix),
                Hexadecimal.decode(String(name.dropFirst(prefix.count)))?.count == Self.suffixSize
            else { continue }
            let opened = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            guard opened >= 0 else { continue }
            defer {
                // Of a program that is being started at this moment, a copy of the descriptor may live on for a moment.
                flock(opened, LOCK_UN)
                close(opened)
            }
            var status = stat()
            guard fstat(opened, &status) == 0, status.st_uid == geteuid(), Self.tryLock(opened),
                Self.isBehind(name, in: descriptor, opened), (try? removeSome(name, left: &left)) == true
            else { continue }
            swept += 1
        }
        return swept
    }

    private static func tryLock(_ opened: Int32) -> Bool {
        while flock(opened, LOCK_EX | LOCK_NB) != 0 { guard errno == EINTR else { return false } }
        return true
    }

    /// Whether the name still leads to what was opened.
    private static func isBehind(_ name: String, in holder: Int32, _ opened: Int32) -> Bool {
        var (mine, named) = (stat(), stat())
        return fstat(opened, &mine) == 0 && fstatat(holder, name, &named, AT_SYMLINK_NOFOLLOW) == 0
            && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
    }
}
