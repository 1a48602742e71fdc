import Glibc
import ReleaseDefinition

/// A user of this machine, by whatever the machine asks for users (passwd(5), nsswitch.conf(5)).
public struct SystemUser: Sendable, Equatable {
    public let name: String
    public let id: UInt32
    public let group: UInt32
    public let home: String

    /// - Throws: `effects.user.unknown`.
    public init(named name: String) throws {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        let number = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
        guard number == 0, found != nil else {
            throw EffectsError(
                code: "user.unknown", summary: "There is no user \(name.debugDescription) on this machine.",
                remedy: "Make the user, or name another.", cause: number == 0 ? nil : SystemCall.message(number))
        }
        self.name = name
        id = entry.pw_uid
        group = entry.pw_gid
        home = entry.pw_dir.map { String(cString: $0) } ?? "/"
    }

    /// The user that this process runs as.
    public static var current: UInt32 { geteuid() }

    /// `shop`; the number where there is no such user.
    public static func name(of id: UInt32) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
            return "user \(id)"
        }
        return String(cString: name)
    }

    /// Its own group and those that it was added to.
    /// - Throws: `effects.user.groups`.
    public func groups() throws -> [UInt32] {
        var groups = [gid_t](repeating: 0, count: 64)
        var count = Int32(groups.count)
        if getgrouplist(name, group, &groups, &count) < 0 {
            groups = [gid_t](repeating: 0, count: Int(min(max(count, 1), 65536)))
            count = Int32(groups.count)
            guard getgrouplist(name, group, &groups, &count) >= 0 else {
                throw EffectsError(
                    code: "user.groups", summary: "The groups of the user \(name) cannot be told.",
                    remedy: "Look at /etc/group and /etc/nsswitch.conf.")
            }
        }
        return Array(groups.prefix(Int(count)))
    }
}
