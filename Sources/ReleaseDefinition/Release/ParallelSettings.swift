/// The parallel model on one host: the new release starts beside the old one in the other of two slots, is checked there,
/// takes over, and the old one goes on for a while, so that going back is a switch and nothing more.
public struct ParallelSettings: Sendable, Equatable, Codable {
    public static let drainBounds = TimeSpan.zero...TimeSpan.hours(1)
    public static let warmBounds = TimeSpan.zero...TimeSpan.days(7)

    /// Where the service listens in slot `a` and in slot `b`: a port, or the absolute path of a socket. `${NAME}` is a
    /// variable of the host.
    public var slots: [String]
    /// An absolute path that becomes a link to the address of the slot that serves; nil where the `switch` hook does it.
    public var link: String?
    /// How long the old release goes on for the requests it has, before the new one counts as installed.
    public var drain: TimeSpan
    /// How long the old release is kept running after that, for a back-out that starts nothing.
    public var warm: TimeSpan

    public init(
        slots: [String], link: String? = nil, drain: TimeSpan = .seconds(10), warm: TimeSpan = .minutes(10)
    ) {
        self.slots = slots
        self.link = link
        self.drain = drain
        self.warm = warm
    }

    public func address(of slot: SlotName) -> String? {
        let index = SlotName.allCases.firstIndex(of: slot) ?? 0
        return slots.indices.contains(index) ? slots[index] : nil
    }
}

/// The two places in which a unit's service can run side by side.
public enum SlotName: String, Sendable, Codable, CaseIterable {
    case a, b

    public var other: SlotName { self == .a ? .b : .a }
}

/// Whether the host is restarted between the switch and the start of a unit's service.
public enum RebootPolicy: String, Sendable, Codable, CaseIterable {
    case never
    /// Where something on the host says that it is needed: `/run/reboot-required` on Debian and its relatives.
    case ifRequired
    case always
}
