import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// A person had hosts rehearse a release. The plan is that of an installation there, with all that is asked before one; no
/// rollout comes of it.
public struct RehearsalOrdered: Sendable, Equatable, Codable {
    public var plan: RolloutPlan
    /// So long the order stands.
    public var until: UTCInstant
}

/// A host's last word about it.
public struct RehearsalEnded: Sendable, Equatable, Codable {
    public var rehearsal: RolloutID
    public var host: HostID
    public var outcome: HostOutcome
    /// Of the envelope that was filed; nil: the host signed nothing that was taken.
    public var evidence: SHA256Digest?
    public var isProved: Bool
    /// Why no evidence was taken.
    public var refusal: String?
}

struct RehearsalRecord: Sendable {
    let ordered: RehearsalOrdered
    let at: UTCInstant
    let by: String
    private(set) var ends: [HostID: RehearsalEnded] = [:]

    init(_ ordered: RehearsalOrdered, at now: UTCInstant, by actor: String) {
        (self.ordered, at, by) = (ordered, now, actor)
    }

    var id: RolloutID { ordered.plan.id }
    var release: ReleaseName { ordered.plan.definition.release }
    /// One for all of its hosts. What a host does for it has orders of the same name and other numbers.
    var order: OrderID { OrderID(rollout: id, action: .install) }

    /// Whether the host's word is waited for.
    func awaits(_ host: HostID) -> Bool {
        ends[host] == nil && ordered.plan.hosts.contains { $0.id == host }
    }

    mutating func end(_ event: RehearsalEnded) { ends[event.host] = event }

    func state(of host: HostID, at now: UTCInstant) -> RehearsalState {
        guard let end = ends[host] else { return now < ordered.until ? .ordered : .expired }
        if end.isProved { return .proved }
        if case .backedOut(.some) = end.outcome { return .backedOut }
        return .failed
    }
}

extension FleetState {
    mutating func applyRehearsal(_ entry: EventEntry) {
        switch entry.event {
        case .rehearsalOrdered(let event):
            rehearsals[event.plan.id] = RehearsalRecord(event, at: entry.at, by: entry.actor)
        case .rehearsalEnded(let event): rehearsals[event.rehearsal]?.end(event)
        default: break
        }
    }
}
