import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// A rollout as its events made it, with what the engine has no use for but watchers have: the changes in words, and
/// when each host's order began and ended.
struct RolloutRecord: Sendable {
    struct Host: Sendable {
        var order: OrderID?
        var step: InstallationStep?
        var outcome: HostOutcome?
        var error: ReportedError?
        var startedAt: UTCInstant?
        var endedAt: UTCInstant?
    }

    struct Phase: Sendable {
        var startedAt: UTCInstant?
        var endedAt: UTCInstant?
    }

    let id: RolloutID
    private(set) var rollout = Rollout()
    /// Of the last event that changed it.
    private(set) var lastSequence: Int64 = 0
    /// Those after `restedTo`.
    private(set) var changes: [RolloutChange] = []
    /// Changes up to this one are in the log alone, from where they are read again.
    private(set) var restedTo: Int64 = 0
    private(set) var firstSequence: Int64 = 0
    private(set) var hosts: [HostID: Host] = [:]
    /// Hosts that came after the start.
    private var late: [PlanHost] = []
    /// By number, from 1; the engine's facts count from 0.
    private(set) var phases: [Int: Phase] = [:]
    private(set) var startedAt: UTCInstant?
    private(set) var startedBy = ""
    private(set) var endedAt: UTCInstant?
    /// What its channel said last; nil: it never published.
    private(set) var channelView: ChannelView?

    init(id: RolloutID) { self.id = id }

    var plan: RolloutPlan? { rollout.plan }
    /// As each was when it was planned, or when it came.
    var planHosts: [PlanHost] { (plan?.hosts ?? []) + late }
    var isActive: Bool { if case .ended = rollout.state { false } else { rollout.plan != nil } }

    var end: RolloutEnd? { if case .ended(let end, _) = rollout.state { end } else { nil } }

    /// It is under way, or takes hosts back that a newer one had left on its release: the channel is its.
    var speaks: Bool { isActive || rollout.isTakingBack }

    func contains(_ host: HostID) -> Bool { hosts[host] != nil }

    mutating func apply(_ event: RolloutEvent, _ entry: EventEntry) {
        let isPromotion = rollout.waitsForPromotion
        rollout.apply(event)
        lastSequence = entry.sequence
        if firstSequence == 0 { firstSequence = entry.sequence }
        note(event)
        changes.append(
            RolloutChange(
                sequence: entry.sequence, at: event.at, rollout: id, kind: event.name,
                text: RolloutNarration.text(
                    of: event.fact, isPromotion: isPromotion,
                    notBackedOut: event.fact.isEnd ? rollout.notBackedOut : [], phaseName: phaseName),
                phase: event.fact.phaseNumber,
                host: event.fact.host, state: RolloutNarration.state(of: rollout)))
    }

    /// Gives the memory of its changes back.
    mutating func rest() { (changes, restedTo) = ([], lastSequence) }

    private func phaseName(_ phase: Int) -> String {
        guard let phases = plan?.phases, phases.indices.contains(phase) else { return "phase \(phase + 1)" }
        return phases[phase].name
    }

    private mutating func note(_ event: RolloutEvent) {
        switch event.fact {
        case .started(let plan, let by):
            (startedAt, startedBy) = (event.at, by)
            for host in plan.hosts { hosts[host.id] = Host() }
        case .phaseStarted(let phase): phases[phase + 1, default: Phase()].startedAt = event.at
        case .phasePassed(let phase): phases[phase + 1, default: Phase()].endedAt = event.at
        case .hostAdmitted(let host, let action):
            hosts[host] = Host(order: OrderID(rollout: id, action: action), startedAt: event.at)
        case .orderSent(let host, let order): hosts[host]?.order = order
        case .channelPublished(let view): channelView = view
        case .hostProgressed(let host, _, let step, _): hosts[host]?.step = step
        case .hostEnded(let ending):
            // A host may have gone back by itself, without an order to do so.
            hosts[ending.host]?.order?.action = ending.action
            hosts[ending.host]?.outcome = ending.outcome
            hosts[ending.host]?.error = ending.error
            if let step = ending.step { hosts[ending.host]?.step = step }
            hosts[ending.host]?.endedAt = event.at
        case .ended: endedAt = event.at
        // One that was over before gives its hosts up to the newer one; its end stays when it was.
        case .superseded: endedAt = endedAt ?? event.at
        case .hostJoined(let host):
            hosts[host.id] = Host()
            late.append(host)
        case .nothingToDo:
            for host in hosts.keys { hosts[host]?.outcome = .alreadyCurrent }
        case .hostsRetried(let ids, _, _):
            for host in ids {
                hosts[host]?.outcome = nil
                hosts[host]?.endedAt = nil
                hosts[host]?.error = nil
            }
        default: break
        }
    }
}

extension RolloutFact {
    fileprivate var isEnd: Bool { if case .ended = self { true } else { false } }

    /// From 1.
    var phaseNumber: Int? {
        switch self {
        case .phaseStarted(let phase), .phasePassed(let phase), .bakeStarted(let phase, _): phase + 1
        case .gatesAsked(let phase, _, _), .gateJudged(let phase, _, _, _), .gatesWaived(let phase, _, _): phase + 1
        case .backOutStarted(_, let phase, _), .promoted(let phase, _, _): phase + 1
        default: nil
        }
    }

    var host: HostID? {
        switch self {
        case .hostAdmitted(let host, _), .orderSent(let host, _), .cancelSent(let host, _),
            .hostProgressed(let host, _, _, _), .hostUnhealthy(let host, _, _), .contactChanged(let host, _),
            .hostReturned(let host, _):
            host
        case .hostEnded(let ending): ending.host
        default: nil
        }
    }
}
