import AgentProtocol
import ReleaseDefinition

/// The rollout engine: what to do next with a release and a fleet, from events alone. No clock, no I/O.
///
/// Use: `let events = try rollout.decide(command, at: now)`, store them, `apply` each, then carry out
/// `pendingActions(at:)` and come back with the command that records each; `tick` at `nextDeadlineAt`.
///
/// Invariant: the events, applied in order to `Rollout()`, give this value again. Nothing else changes it.
public struct Rollout: Sendable, Equatable {
    public var plan: RolloutPlan? { frozen?.value }
    var frozen: FrozenPlan?
    public internal(set) var state: RolloutState = .planned

    var startedBy = ""
    var startedAt: UTCInstant?
    /// In the order of the plan.
    var hosts = HostTable()
    var words = CommonWords()
    /// The newest phase that was started.
    var phase = 0
    var publishedChannel: ChannelView?
    /// The back-out of a phase or of the rollout, from its start for ever: hosts that turn out late to have the release
    /// are taken back too.
    var backOut: RolloutState.BackOut?
    var revocation = Revocation.none
    /// A person let a pilot pass that was up to date before.
    var isPilotWaived = false
    /// The newest phase is done and waits for a person's word.
    var awaitsPromotion = false
    /// The newest phase that a person let pass.
    var promoted: Int?
    /// Of the newest phase that has gates and was done.
    var gateRound: GateRound?
    /// The newest phase that a person let pass whatever its gates say.
    var gatesWaived: Int?
    /// A newer rollout has the hosts, all but those that were reclaimed.
    var successor: RolloutID?
    /// Hosts on which the newer rollout left this one's release are taken back after all: of the others nothing is said.
    public internal(set) var reclaims = false
    /// Of a continuous rollout: a person holds its channel, until a person lifts it. No newer rollout and no end does.
    public internal(set) var channelHold: StatusReason?
    /// nil: hosts may start at any time.
    var schedule: StartSchedule?
    /// Every host ran the release before.
    public internal(set) var hadNothingToDo = false
    /// Hosts that never report may have the release though the rollout is under way.
    var admitsSilent = false
    var earlyLife = EarlyLife()
    var traffic = Traffic()

    enum Revocation: Sendable, Equatable { case none, wanted, published }

    public init() {}

    /// - Throws: `rollout.verb.…` for a person's verb that does not fit; never for what hosts or the controller report:
    ///   what is late, doubled, re-ordered or about another rollout is answered with no events.
    public func decide(_ command: RolloutCommand, at now: UTCInstant) throws(RolloutError) -> [RolloutEvent] {
        if case .progress(let host, let progress) = command, let step = inCourse(host, progress, at: now) {
            return step.map { [RolloutEvent(at: now, $0)] } ?? []
        }
        var facts = try answer(command, at: now)
        // A foreign word about a rollout that has not begun moves nothing.
        guard frozen != nil || !facts.isEmpty else { return [] }
        var next = self
        next.hosts.beginDraft()
        var events: [RolloutEvent] = []
        // The command's own facts come before the deadlines: a report that arrives at the last moment counts. Each
        // round moves at least one host or the rollout one state on; the bound is never met, and if it were, what
        // remains is due at once and the next tick goes on.
        var rounds = 16 + 8 * (next.hosts.count + facts.count)
        repeat {
            let step = facts.map { RolloutEvent(at: now, $0) }
            for event in step { next.apply(event) }
            events += step
            facts = next.consequences(at: now)
            rounds -= 1
        } while !facts.isEmpty && rounds > 0
        return events
    }

    /// What follows by itself from the state and the time: one step of it, nothing if all is at rest.
    private func consequences(at now: UTCInstant) -> [RolloutFact] {
        guard frozen != nil, !isRetired else { return [] }
        let expired = expiries(at: now)
        if !expired.isEmpty { return expired }
        if mayMoveByTime {
            let moved = scheduleChange(at: now) + silentAdmission(at: now) + trafficConsequences(at: now)
            if !moved.isEmpty { return moved }
        }
        let decisions = verdict(at: now)
        if !decisions.isEmpty { return decisions }
        let failed = backOutsOfFailedHosts(at: now)
        return failed.isEmpty ? admissions() : failed
    }

    /// When `tick` is due; nil: nothing waits for time.
    public var nextDeadlineAt: UTCInstant? {
        guard frozen != nil, !isRetired else { return nil }
        func earlier(_ one: UTCInstant?, _ other: UTCInstant?) -> UTCInstant? {
            guard let one, let other else { return one ?? other }
            return min(one, other)
        }
        let next = earlier(hosts.nextDeadlineAt, stateDeadlineAt)
        return mayMoveByTime
            ? earlier(next, earlier(scheduleChangeAt, earlier(silentAdmissionAt, trafficDeadlineAt))) : next
    }

    /// Whether anything but hosts and the state itself has a time: most rollouts have nothing of the kind.
    private var mayMoveByTime: Bool {
        guard let frozen else { return false }
        return schedule != nil || frozen.hasTraffic || frozen.silentAfter != nil
    }

    private var stateDeadlineAt: UTCInstant? {
        switch state {
        case .baking(_, let until): openGateRound?.until ?? until
        case .running: openGateRound?.until
        case .paused(let pause): pause.since + RolloutClocks.pauseMax
        case .halted(let halt):
            min(
                halt.since + RolloutClocks.haltReminder * Int64(halt.reminders + 1),
                halt.since + RolloutClocks.haltMax)
        case .planned, .stopping, .backingOut, .ended: nil
        }
    }

    func deadline(of host: HostRecord) -> OrderDeadline? { hosts.deadline(of: host)?.deadline }

    private func expiries(at now: UTCInstant) -> [RolloutFact] {
        hosts.isDue(at: now).compactMap { host in
            guard let (action, deadline) = hosts.deadline(of: host) else { return nil }
            return .hostEnded(
                HostEnding(
                    host: host.id, action: action, outcome: deadline.outcome, source: .engine,
                    isPresumed: deadline.outcome == .gone ? true : nil))
        }
    }

    /// Whether installations may be started now. After success too: hosts that come back catch up.
    var startsHosts: Bool {
        guard successor == nil, schedule?.isShut != true, !isBetweenSides else { return false }
        switch state {
        case .running, .baking, .ended(.succeeded, _): return true
        case .planned, .paused, .halted, .stopping, .backingOut, .ended: return false
        }
    }

    /// Whoever has not switched is to drop its order: nothing starts any more.
    var cancelsStarts: Bool {
        if successor != nil { return true }
        switch state {
        case .stopping, .backingOut: return true
        case .ended(.succeeded, _): return false
        case .ended: return true
        case .paused(let held), .halted(let held): if case .backingOut = held.of { return true } else { return false }
        case .planned, .running, .baking: return false
        }
    }

    /// Whether back-outs may be started now: always, but while the back-out itself is held.
    var backsOut: Bool {
        guard !isRetired else { return false }
        switch state {
        case .paused(let held), .halted(let held):
            if case .backingOut = held.of { return false }
            return true
        case .planned: return false
        case .running, .baking, .stopping, .backingOut, .ended: return true
        }
    }

    /// A newer rollout has its hosts: nothing of this one is done any more.
    var isRetired: Bool { successor != nil && !reclaims }

    public var isSuperseded: Bool { successor != nil }

    /// The verdict is closed. Hosts that are late may still be under way: `nextDeadlineAt` says.
    public var isOver: Bool { if case .ended = state { true } else { false } }

    func record(_ host: HostID) -> HostRecord? { hosts.place(of: host).map { hosts[$0] } }

    /// The hosts of a phase, none for a phase that does not exist.
    func members(of phase: Int) -> Slice<HostTable> { hosts.members(of: phase) }

    func phasePlan(_ phase: Int) -> PlanPhase? {
        guard let frozen, frozen.value.phases.indices.contains(phase) else { return nil }
        return frozen.value.phases[phase]
    }
}

/// The plan of a rollout, held once however often the rollout is copied: a report costs no more because the plan is long.
final class FrozenPlan: Sendable, Equatable {
    let value: RolloutPlan
    let hasTraffic: Bool
    let silentAfter: TimeSpan?

    init(_ plan: RolloutPlan) {
        value = plan
        hasTraffic = plan.phases.contains { $0.traffic != nil }
        silentAfter = plan.definition.hosts == .all ? plan.definition.limits.silentAfter : nil
    }

    static func == (left: FrozenPlan, right: FrozenPlan) -> Bool { left === right || left.value == right.value }
}
