import AgentProtocol
import ReleaseDefinition

/// The rollout engine: what to do next with a release and a fleet, from events alone. No clock, no I/O.
///
/// Use: `let events = try rollout.decide(command, at: now)`, store them, `apply` each, then carry out
/// `pendingActions(at:)` and come back with the command that records each; `tick` at `nextDeadlineAt`.
public struct Rollout: Sendable, Equatable {
    public internal(set) var plan: RolloutPlan?
    public internal(set) var state: RolloutState = .planned

    public init() {}

    /// - Throws: `rollout.verb.…` for a person's verb that does not fit; never for what hosts or the controller report.
    public func decide(_ command: RolloutCommand, at now: UTCInstant) throws(RolloutError) -> [RolloutEvent] { [] }

    public mutating func apply(_ event: RolloutEvent) {}

    public func pendingActions(at now: UTCInstant) -> [RolloutAction] { [] }

    /// Orders to send again to a pushed host whose stream has just opened (after `contact(host, .online)`).
    public func outstandingOrders(for host: HostID) -> [OrderID] { [] }

    /// When `tick` is due; nil: nothing waits for time.
    public var nextDeadlineAt: UTCInstant? { nil }

    /// nil before the start.
    public var view: RolloutView? { nil }
}
