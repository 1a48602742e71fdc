/// What the director asks of a host.
public enum OrderAction: String, Sendable, Codable, CaseIterable {
    case install
    /// Leave the named release and return to what this host ran before it.
    case backOut
}

/// One order: a host carries each out at most once, however often it hears of it.
public struct OrderID: Hashable, Sendable, Codable, CustomStringConvertible {
    public var rollout: RolloutID
    public var action: OrderAction
    /// From 1; a retry by an operator is a new attempt.
    public var attempt: Int

    public init(rollout: RolloutID, action: OrderAction, attempt: Int = 1) {
        self.rollout = rollout
        self.action = action
        self.attempt = attempt
    }

    public var description: String { "\(rollout)/\(action.rawValue)/\(attempt)" }
}

/// A host's place in the order in which a rollout reaches hosts: a number that engine and host compute alike.
public struct HostBucket: Hashable, Comparable, Sendable, Codable {
    /// 0 ..< 2^32.
    public let value: UInt32
    /// Buckets below this bound include every host.
    public static let everyoneBound: Int64 = 1 << 32

    public init(rollout: RolloutID, host: HostID) {
        let digest = SHA256Digest(of: Array("\(rollout)\n\(host)".utf8))
        value = digest.bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}
