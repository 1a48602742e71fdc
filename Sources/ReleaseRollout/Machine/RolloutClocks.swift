import AgentProtocol
import ReleaseDefinition

/// Every span of time that the engine knows beside the limits of the definition (semantics 1).
enum RolloutClocks {
    static let haltReminder = TimeSpan.hours(1)
    static let haltMax = TimeSpan.hours(24)
    /// A pause that a person forgot becomes a halt, which pages.
    static let pauseMax = TimeSpan.hours(24)
    /// For queued reports to arrive once a host is back in contact.
    static let reportGrace = TimeSpan.seconds(30)
    /// Two check intervals at the shortest that is allowed off loopback: a demonstration's 1 s would leave no room for a
    /// busy machine.
    static let pullGraceMin = TimeSpan.seconds(60)
    static let checkIntervalDefault = TimeSpan.minutes(5)
    static let checkIntervalMax = TimeSpan.hours(24)
    /// A host that has said nothing of its order and is told to drop it answers at once, or had never begun (R26).
    static let cancelMax = TimeSpan.seconds(60)
    /// No gate may be asked for longer: ten minutes each, and all of them at once.
    static let gatesMax = TimeSpan.minutes(15)
    /// After the controller was away, a bake lasts at least this long, for bad news to arrive.
    static let bakeAfterReturnMax = TimeSpan.minutes(1)

    /// A host that says that it is held by its own schedule is believed for so long at a time: once a month is often enough.
    static let hostHoldMax = TimeSpan.days(32)

    static func pullGrace(_ checkInterval: TimeSpan?) -> TimeSpan {
        max(min(checkInterval ?? checkIntervalDefault, checkIntervalMax) * 2, pullGraceMin)
    }
}

/// When an order's time is up, and what the host counts as then.
struct OrderDeadline: Equatable {
    var at: UTCInstant
    var outcome: HostOutcome

    /// nil: no clock runs. `mayStart`: hosts in turn are being admitted, so being out of contact counts.
    ///
    /// A host that had started and vanished is lost; one that never said a word about its order is offline, because
    /// nothing says that the release had anything to do with it.
    init?(_ order: OrderState, of host: HostRecord, limits: RolloutLimits, mayStart: Bool) {
        let grace = limits.offlineGrace
        // A machine that comes and goes and is out of contact has gone; of one that pulls nobody knows more.
        let isAway = host.isOutOfContact || host.delivery == .pull
        let absent = host.isEphemeral && isAway ? HostOutcome.gone : .offline
        switch order {
        case .ended, .waiting(since: nil): return nil
        case .waiting(.some(let since)):
            guard mayStart, host.isOutOfContact else { return nil }
            self.init(at: max(since, host.contactSince ?? since) + grace, outcome: absent)
        case .admitted(let since):
            self.init(at: since + grace, outcome: absent)
        case .ordered(let since) where host.cancelling != .no:
            self.init(at: since + RolloutClocks.cancelMax, outcome: .cancelled)
        case .ordered(let since):
            guard host.delivery == .push else {
                self.init(at: since + RolloutClocks.pullGrace(host.checkInterval), outcome: absent)
                return
            }
            let late = since + limits.progressDeadline
            if host.isOutOfContact {
                self.init(at: min(max(since, host.contactSince ?? since) + grace, late + grace), outcome: absent)
            } else {
                self.init(at: Self.withReportGrace(late, host: host, atMost: late + grace), outcome: absent)
            }
        case .working(_, let since):
            let late = since + limits.progressDeadline
            let at = host.isOutOfContact ? late : Self.withReportGrace(late, host: host, atMost: late + grace)
            self.init(at: at, outcome: host.isEphemeral && host.isOutOfContact ? .gone : .failed(.lost))
        }
    }

    private init(at: UTCInstant, outcome: HostOutcome) {
        self.at = at
        self.outcome = outcome
    }

    /// A host that has just come back gets the time to deliver what it queued; flapping does not prolong this for ever.
    private static func withReportGrace(_ late: UTCInstant, host: HostRecord, atMost bound: UTCInstant) -> UTCInstant {
        guard host.contact == .online, let since = host.contactSince else { return late }
        return max(late, min(since + RolloutClocks.reportGrace, bound))
    }
}
