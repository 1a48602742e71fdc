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
    /// A rollout is rehearsed: phase by phase, so many hosts at once as it says; nil: every host at once.
    public var isByPhase: Bool?
}

/// A host's last word about it, or that there was none.
public struct RehearsalEnded: Sendable, Equatable, Codable {
    public var rehearsal: RolloutID
    public var host: HostID
    public var outcome: HostOutcome
    /// Of the envelope that was filed; nil: the host signed nothing that was taken.
    public var evidence: SHA256Digest?
    public var isProved: Bool
    /// Why no evidence was taken.
    public var refusal: String?
    /// With the last host's word: of the statement about the whole plan.
    public var whole: SHA256Digest?
}

struct RehearsalRecord: Sendable {
    let ordered: RehearsalOrdered
    let at: UTCInstant
    let by: String
    private(set) var ends: [HostID: RehearsalEnded] = [:]
    private var begun: Set<HostID> = []

    init(_ ordered: RehearsalOrdered, at now: UTCInstant, by actor: String) {
        (self.ordered, at, by) = (ordered, now, actor)
        open()
    }

    var id: RolloutID { ordered.plan.id }
    var release: ReleaseName { ordered.plan.definition.release }
    /// One for all of its hosts. What a host does for it has orders of the same name and other numbers.
    var order: OrderID { OrderID(rollout: id, action: .install) }

    /// Whether the host's word is waited for.
    func awaits(_ host: HostID) -> Bool {
        ends[host] == nil && ordered.plan.hosts.contains { $0.id == host }
    }

    mutating func end(_ event: RehearsalEnded) {
        ends[event.host] = event
        open()
    }

    var isByPhase: Bool { ordered.isByPhase == true }
    /// Of the statement about the whole plan.
    var whole: SHA256Digest? { ends.values.lazy.compactMap(\.whole).first }
    /// A host did not prove it: none begins after that.
    private var isBroken: Bool { ends.values.contains { !$0.isProved } }
    /// Nobody's word is waited for.
    var isOver: Bool { !ordered.plan.hosts.contains { ends[$0.id] == nil && mayBegin($0.id) } }

    /// Its turn has come: its order may be out.
    func mayBegin(_ host: HostID) -> Bool { begun.contains(host) }

    /// Of the first phase that is not proved as many hosts as it has places. One that failed gives nobody its place.
    private mutating func open() {
        guard isByPhase else { return begun.formUnion(ordered.plan.hosts.map(\.id)) }
        guard !isBroken else { return }
        for phase in ordered.plan.phases {
            let proved = phase.hosts.count { ends[$0.id]?.isProved == true }
            begun.formUnion(phase.hosts.prefix(proved + phase.parallelism).map(\.id))
            if proved < phase.hosts.count { return }
        }
    }

    func phase(of host: HostID) -> PlanPhase? {
        isByPhase ? ordered.plan.phases.first { $0.hosts.contains { $0.id == host } } : nil
    }

    func state(of host: HostID, at now: UTCInstant) -> RehearsalState {
        guard let end = ends[host] else {
            guard mayBegin(host) else { return isBroken || now >= ordered.until ? .notReached : .waiting }
            return now < ordered.until ? .ordered : .expired
        }
        if end.isProved { return .proved }
        if end.outcome == .silent { return .expired }
        if case .backedOut(.some) = end.outcome { return .backedOut }
        return .failed
    }
}

extension FleetState {
    mutating func applyRehearsal(_ entry: EventEntry) {
        switch entry.event {
        case .rehearsalOrdered(let event):
            rehearsals[event.plan.id] = RehearsalRecord(event, at: entry.at, by: entry.actor)
            if event.isByPhase == true { openRehearsalIDs.insert(event.plan.id) }
        case .rehearsalEnded(let event):
            rehearsals[event.rehearsal]?.end(event)
            if rehearsals[event.rehearsal]?.isOver == true { openRehearsalIDs.remove(event.rehearsal) }
        default: break
        }
    }

    /// Of plans, where a host is waited for; in the order of their names.
    var openRehearsals: [RehearsalRecord] { openRehearsalIDs.sorted().compactMap { rehearsals[$0] } }
}
