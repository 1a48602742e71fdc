import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// A promise of the engine that did not hold: faults.md's invariants, as far as they are the engine's.
public struct SimulationFailure: Error, Equatable, CustomStringConvertible {
    /// `I2`, `I4`, `I5`, `I7`, `I10`, `I12`, or `replay`.
    public var invariant: String
    public var text: String

    init(_ invariant: String, _ text: String) {
        self.invariant = invariant
        self.text = text
    }

    public var description: String { "\(invariant): \(text)" }
}

/// Judges each event by the events before it, with books of its own: it asks the engine nothing.
struct EngineInvariants {
    private enum Order { case none, admitted, open }

    private struct Host {
        var phase: Int
        var isPulling: Bool
        var install = Order.none
        var backOut = Order.none
        var isTouched = false
        var hasProgressed = false
        /// It began by an offer that was withdrawn before it said so: it is under way without a place.
        var isUninvited = false
        var words = 0
        var retries = 0
        var backOuts = 0
    }

    private let plan: RolloutPlan
    private var places: [HostID: Int] = [:]
    private var hosts: [Host] = []
    /// The value of the label that bounds how many may be down, where there is such a bound.
    private var groups: [String?] = []
    private var busy: [Int]
    private var uninvited: [Int]
    /// Hosts that took the release, or had it.
    private var took: [Int]
    private var wasResumed = false
    private var phase = -1
    private var passed: Set<Int> = []
    private var isHeld = false
    private var hasSucceeded = false
    private var isRevoked = false
    private var isSuperseded = false
    private(set) var isOver = false

    init(_ plan: RolloutPlan) {
        self.plan = plan
        for (phase, members) in plan.phases.enumerated() {
            for host in members.hosts {
                places[host.id] = hosts.count
                hosts.append(Host(phase: phase, isPulling: host.delivery == .pull))
            }
        }
        if let limit = plan.definition.limits.maxUnavailable { groups = plan.hosts.map { $0.labels[limit.by] } }
        busy = Array(repeating: 0, count: plan.phases.count)
        uninvited = busy
        took = busy
    }

    mutating func note(_ event: RolloutEvent) throws(SimulationFailure) {
        switch event.fact {
        case .phaseStarted(let started): try noteStart(of: started)
        case .phasePassed(let done):
            passed.insert(done)
            // A person may let one pass.
            guard wasResumed || took[done] > 0 else { throw SimulationFailure("I5", "phase \(done + 1) passes empty") }
        case .paused, .halted:
            isHeld = true
            dropUnsent()
        case .stopping:
            (isHeld, hasSucceeded) = (true, false)
            dropUnsent()
        case .resumed: (isHeld, wasResumed) = (false, true)
        case .promoted: isHeld = false
        case .backOutStarted:
            (isHeld, isRevoked, isOver) = (true, true, false)
            dropUnsent()
        case .ended(let end): try noteEnd(end)
        case .superseded: (isSuperseded, isOver) = (true, true)
        case .gatesAsked, .gateJudged, .gatesWaived: break
        case .hostAdmitted(let id, let action):
            if action == .install { try checkSchedule(id, at: event.at) }
            try noteAdmission(id, action)
        case .nothingToDo:
            (passed, phase) = (Set(plan.phases.indices), plan.phases.count - 1)
        case .startsShut: dropUnsentInstalls()
        case .hostsRetried(let ids, _, _): for id in ids { update(id) { $0.retries += 1 } }
        case .orderSent(let id, let order): open(id, order.action)
        case .channelPublished(let view): note(view)
        case .hostProgressed(let id, let action, _, _):
            open(id, action)
            if action == .install { update(id) { $0.hasProgressed = true } }
        case .hostEnded(let ending): try noteEnding(ending)
        case .contactChanged(let id, .offline): dropUnsent(id)
        case .started, .cancelSent, .revocationPublished, .hostUnhealthy, .contactChanged, .hostReturned,
            .clocksRestarted,
            .bakeStarted, .haltReminded, .hostBackOutStarted, .startsOpened, .silentAdmitted,
            .earlyLifePaged, .trafficBegun, .trafficSwitched, .trafficWatched, .trafficFailed, .trafficSwitching,
            .hostJoined, .hostFound, .hostsReclaimed, .channelHeld, .channelReleased:
            break
        }
    }

    private func checkSchedule(_ id: HostID, at now: UTCInstant) throws(SimulationFailure) {
        guard let starts = plan.starts, !starts.contains(where: { $0.from <= now && now < $0.until }) else { return }
        throw SimulationFailure("I4", "\(id) starts outside every window")
    }

    private mutating func noteStart(of started: Int) throws(SimulationFailure) {
        guard started == phase + 1, started == 0 || passed.contains(phase) else {
            throw SimulationFailure("I5", "phase \(started + 1) starts after phase \(phase + 1), which has not passed")
        }
        phase = started
    }

    private mutating func noteEnd(_ end: RolloutEnd) throws(SimulationFailure) {
        guard !isOver else { throw SimulationFailure("I7", "it ends twice, the second time as \(end)") }
        isOver = true
        isHeld = end != .succeeded
        hasSucceeded = end == .succeeded
        if hasSucceeded, passed.count != plan.phases.count {
            throw SimulationFailure("I5", "it succeeds with \(passed.count) of \(plan.phases.count) phases passed")
        }
        if isHeld { dropUnsent() }
    }

    private mutating func noteAdmission(_ id: HostID, _ action: OrderAction) throws(SimulationFailure) {
        guard let place = places[id] else { throw SimulationFailure("I5", "\(id) is not of the plan") }
        let host = hosts[place]
        guard action == .install else {
            guard host.isTouched else { throw SimulationFailure("I5", "\(id) was never touched and is backed out") }
            hosts[place].backOut = .admitted
            return
        }
        guard !isHeld, !isRevoked, !isSuperseded else {
            throw SimulationFailure("I4", "\(id) starts though no host may (revoked: \(isRevoked))")
        }
        guard host.phase <= phase else { throw SimulationFailure("I5", "\(id) starts before its phase") }
        guard host.install == .none else { throw SimulationFailure("I2", "\(id) starts while it is under way") }
        let allowed = plan.phases[host.phase].parallelism
        guard busy[host.phase] - uninvited[host.phase] < allowed else {
            throw SimulationFailure(
                "I5", "\(id) starts beside \(busy[host.phase]) others of its phase, \(allowed) at once are allowed")
        }
        setInstall(place, .admitted)
        try checkGroup(of: place)
    }

    private func checkGroup(of place: Int) throws(SimulationFailure) {
        guard let limit = plan.definition.limits.maxUnavailable, let group = groups[place] else { return }
        let others = hosts.indices.count { other in
            groups[other] == group && !hosts[other].isUninvited
                && (hosts[other].install != .none || hosts[other].backOut != .none)
        }
        guard others <= limit.count else {
            throw SimulationFailure(
                "I5", "\(others) hosts of \(limit.by) \(group) are under way, \(limit.count) may be")
        }
    }

    private mutating func noteEnding(_ ending: HostEnding) throws(SimulationFailure) {
        guard let place = places[ending.host] else { return }
        let host = hosts[place]
        if ending.source == .host { hosts[place].words += 1 }
        if ending.source == .engine, ending.action == .install {
            if ending.outcome == .failed(.lost), !host.hasProgressed {
                throw SimulationFailure("I10", "\(ending.host) is lost and had never said that it began")
            }
            if ending.outcome == .offline, host.hasProgressed, host.install == .open {
                throw SimulationFailure("I10", "\(ending.host) is offline and had said that it began")
            }
        }
        switch ending.action {
        case .install:
            setInstall(place, .none)
            hosts[place].hasProgressed = false
            if ending.outcome == .succeeded || ending.outcome == .alreadyCurrent { took[host.phase] += 1 }
        case .backOut:
            hosts[place].backOut = .none
            hosts[place].backOuts += ending.source == .engine ? 0 : 1
            // A late word after the deadline's is about the same attempt.
            if hosts[place].backOuts > 6 { throw SimulationFailure("R13", "\(ending.host) is backed out for ever") }
        }
    }

    /// A channel is one word to all: whom it names has its order, whom it no longer names has none.
    private mutating func note(_ view: ChannelView) {
        let named = PublishedChannel(view, counter: 0)
        for place in hosts.indices where hosts[place].isPulling {
            let id = idOf(place)
            let isNamed = named.contains(id)
            if isNamed {
                // One that did not answer in time keeps its order, and no place.
                let action = view.order.action
                let isAdmitted = action == .install ? hosts[place].install : hosts[place].backOut
                if isAdmitted == .admitted { open(id, action) }
                hosts[place].isTouched = true
            }
            if !isNamed || view.order.action == .backOut, !hosts[place].hasProgressed { setInstall(place, .none) }
        }
    }

    private func idOf(_ place: Int) -> HostID {
        var rest = place
        for phase in plan.phases {
            if rest < phase.hosts.count { return phase.hosts[rest].id }
            rest -= phase.hosts.count
        }
        return HostID(unchecked: "none")
    }

    // MARK: books

    private mutating func open(_ id: HostID, _ action: OrderAction) {
        guard let place = places[id] else { return }
        hosts[place].isTouched = true
        guard action == .install else { return hosts[place].backOut = .open }
        if hosts[place].install == .none { setUninvited(place, true) }
        setInstall(place, .open)
    }

    private mutating func setInstall(_ place: Int, _ order: Order) {
        let phase = hosts[place].phase
        if hosts[place].install == .none, order != .none { busy[phase] += 1 }
        if hosts[place].install != .none, order == .none {
            busy[phase] -= 1
            setUninvited(place, false)
        }
        hosts[place].install = order
    }

    private mutating func setUninvited(_ place: Int, _ isUninvited: Bool) {
        guard hosts[place].isUninvited != isUninvited else { return }
        hosts[place].isUninvited = isUninvited
        uninvited[hosts[place].phase] += isUninvited ? 1 : -1
    }

    private mutating func dropUnsent() {
        for place in hosts.indices { dropUnsent(place) }
    }

    private mutating func dropUnsent(_ id: HostID) {
        if let place = places[id] { dropUnsent(place) }
    }

    private mutating func dropUnsentInstalls() {
        for place in hosts.indices where hosts[place].install == .admitted { setInstall(place, .none) }
    }

    private mutating func dropUnsent(_ place: Int) {
        if hosts[place].install == .admitted { setInstall(place, .none) }
        if hosts[place].backOut == .admitted { hosts[place].backOut = .none }
    }

    private mutating func update(_ id: HostID, _ change: (inout Host) -> Void) {
        if let place = places[id] { change(&hosts[place]) }
    }

    /// How often a person had it tried once more.
    func retries(of id: HostID) -> Int { places[id].map { hosts[$0].retries } ?? 0 }

    func words(of id: HostID) -> Int { places[id].map { hosts[$0].words } ?? 0 }
}
