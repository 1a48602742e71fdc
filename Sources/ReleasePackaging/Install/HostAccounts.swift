import Effects
import Glibc
import ReleaseDefinition

/// Owners by name become this host's numbers, all of them before anything is written.
struct HostAccounts: Sendable {
    private var users: [String: UInt32] = [:]
    private var groups: [String: UInt32] = [:]
    private let isRoot = geteuid() == 0

    /// - Throws: `packaging.tree.account`.
    init(resolving entries: [PayloadEntry]) throws {
        for entry in entries {
            if let owner = entry.owner, users[owner] == nil { users[owner] = try Self.user(owner) }
            if let group = entry.group, groups[group] == nil { groups[group] = try Self.group(group) }
        }
    }

    /// Whom to give the entry to. Root says it always, because folders with the set-group-ID bit hand their group on; an
    /// ordinary user owns what it makes (nil), unless the entry asks for somebody.
    func owner(of entry: PayloadEntry) -> (user: UInt32, group: UInt32)? {
        guard isRoot || entry.owner != nil || entry.group != nil else { return nil }
        return (entry.owner.flatMap { users[$0] } ?? 0, entry.group.flatMap { groups[$0] } ?? 0)
    }

    /// Whether something of that owner and group is as `owner(of:)` leaves it.
    func isOwner(of entry: PayloadEntry, _ status: FileStatus) -> Bool {
        guard let owner = owner(of: entry) else { return status.ownerID == geteuid() }
        return (status.ownerID, status.groupID) == owner
    }

    private static func user(_ name: String) throws -> UInt32 {
        var (record, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        let result = getpwnam_r(name, &record, &buffer, buffer.count, &found)
        guard found != nil else { throw unknown("user", name, result) }
        return record.pw_uid
    }

    private static func group(_ name: String) throws -> UInt32 {
        var (record, found) = (Glibc.group(), UnsafeMutablePointer<Glibc.group>?.none)
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        let result = getgrnam_r(name, &record, &buffer, buffer.count, &found)
        guard found != nil else { throw unknown("group", name, result) }
        return record.gr_gid
    }

    private static func unknown(_ kind: String, _ name: String, _ result: Int32) -> PackagingError {
        PackagingError(
            code: "tree.account",
            summary: "The release has files of the \(kind) \(name), whom this host does not know.",
            remedy: "Make the \(kind) on the host, or remove the attribute from the definition.",
            cause: result == 0 ? nil : "errno \(result)")
    }
}
