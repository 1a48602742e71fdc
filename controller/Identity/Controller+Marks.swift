import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// A person pinned a host, or works on it.
public struct HostMarked: Sendable, Equatable, Codable {
    public var host: HostID
    public var mark: HostMarkKind
    public var reason: String
}

public struct HostUnmarked: Sendable, Equatable, Codable {
    public var host: HostID
    public var mark: HostMarkKind
    public var reason: String
}

/// Hosts that rollouts leave out: those that are pinned, and those that somebody works on. An emergency goes past it, as it
/// goes past a freeze.
extension Controller {
    /// Rollouts that have not begun on the host leave it out from now on. Marked again, it has the newer reason.
    func mark(_ id: HostID, _ request: HostMarkRequest, by actor: String) throws -> HostMarkedView {
        _ = try knownHost(id)
        let event = HostMarked(
            host: id, mark: request.mark, reason: try reason(HostReasonRequest(reason: request.reason)))
        let now = time.now()
        var decisions = Decisions()
        var skipped: [RolloutID] = []
        var goesOn: [RolloutID] = []
        for rollout in state.rolloutOrder {
            guard let record = state.rollouts[rollout], record.isActive, record.contains(id),
                record.plan?.urgency.isEmergency == false
            else { continue }
            let count = decisions.events.count
            do throws(RolloutError) {
                let reason = "\(event.mark.rawValue): \(event.reason)"
                try decisions.decide(.skip([id], by: actor, reason: reason), on: record, by: actor, at: now)
                if decisions.events.count > count { skipped.append(rollout) }
            } catch {
                // It has begun there, which has an end of its own, or is done with it.
                if let known = record.hosts[id], known.order != nil, known.outcome == nil { goesOn.append(rollout) }
            }
        }
        // One transaction: nothing starts between the two.
        try commit(
            StoreChange(events: [NewEvent(actor: actor, event: .hostMarked(event))] + decisions.events), at: now)
        drive()
        return HostMarkedView(host: try hostView(id), skippedIn: skipped, goesOnIn: goesOn)
    }

    /// Rollouts that left it out do not take it along again; the next one does.
    func unmark(_ id: HostID, _ request: HostMarkRequest, by actor: String) throws -> HostMarkedView {
        guard let marking = try knownHost(id).marks[request.mark] else {
            throw ControllerError.conflict(
                "notMarked", "The host \(id) is not marked \(request.mark.rawValue).",
                remedy: "Nothing is to be done: slipway hosts show \(id) names its marks.")
        }
        let event = HostUnmarked(
            host: id, mark: request.mark, reason: try reason(HostReasonRequest(reason: request.reason)))
        let now = time.now()
        restingRollouts = []
        try commit(.hostUnmarked(event), by: actor, at: now)
        try transmitRehearsals(to: id, at: now)
        // As of a host that came while everything was frozen.
        try letJoin(id, isFirst: state.hosts[id]?.firstInventoryAt.map { $0 >= marking.at } ?? false, at: now)
        drive()
        return HostMarkedView(host: try hostView(id))
    }

    /// What is left out of an ordinary rollout.
    func markedHosts(_ definition: RolloutDefinition) -> [HostRecord] {
        state.hostsInOrder.filter { host in
            host.isMarked && host.environment == definition.environment && host.identity.standing.isActive
                && definition.hosts.matches(id: host.id, labels: host.labels)
        }
    }

    func markWarnings(_ plan: RolloutPlan) -> [String] {
        guard !plan.urgency.isEmergency else { return [] }
        return markedHosts(plan.definition).flatMap { host in
            host.markViews.map { "\(host.id) is left out: \($0.words)" }
        }
    }

    /// Where every host that is meant is marked, that is the reason, and not the query.
    /// - Throws: `controller.conflict.marked`.
    func refuseAllMarked(_ definition: RolloutDefinition, but hosts: [HostRecord]) throws {
        guard !hosts.contains(where: { definition.hosts.matches(id: $0.id, labels: $0.labels) }),
            let first = markedHosts(definition).first, let mark = first.markViews.first
        else { return }
        throw ControllerError.conflict(
            "marked", "Every host that is meant is pinned or in maintenance; \(first.id) is \(mark.words)",
            remedy: "Let one go: slipway hosts \(mark.mark.command) \(first.id) --lift --reason REASON")
    }

    /// A channel names no marked host, except those that the engine has in hand.
    func withoutMarked(_ view: ChannelView, of record: RolloutRecord, _ plan: RolloutPlan) -> ChannelView {
        guard view.order.action == .install, !plan.urgency.isEmergency, !state.markedHosts.isEmpty else { return view }
        let marked = state.markedHosts.filter { id in
            guard let host = state.hosts[id], host.environment == plan.definition.environment else { return false }
            return host.delivery == .pull && !(record.isActive && record.contains(id))
        }
        guard !marked.isEmpty else { return view }
        var view = view
        view.included.removeAll(where: marked.contains)
        view.excluded = Set(view.excluded).union(marked).sorted()
        return view
    }
}

extension HostRecord {
    var isMarked: Bool { !marks.isEmpty }
    var markViews: [HostMarkView] { marks.values.sorted { $0.mark.rawValue < $1.mark.rawValue } }
}

extension HostMarkKind {
    /// What takes it away.
    var command: String {
        switch self {
        case .pinned: "pin"
        case .maintenance: "maintenance"
        }
    }
}

extension HostMarkView {
    /// For messages.
    var words: String { "\(mark == .pinned ? "pinned" : "in maintenance") since \(at) by \(by): \(reason)" }
}
