import AgentProtocol
import ReleaseDefinition

extension Rollout {
    /// For API and console; nil before the start.
    public var view: RolloutView? { view(ofHosts: hosts.map(hostView)) }

    /// The same without the hosts.
    public var summary: RolloutView? { view(ofHosts: []) }

    /// Where each host stands in the plan, phase by phase; the rest of a `HostView` takes a large rollout tens of milliseconds.
    public var hostPlaces: [HostPlace] {
        hosts.map { HostPlace(id: $0.id, phase: $0.phase + 1, delivery: $0.delivery) }
    }

    private func view(ofHosts views: @autoclosure () -> [HostView]) -> RolloutView? {
        guard let plan else { return nil }
        return RolloutView(
            id: plan.id, release: plan.definition.release, environment: plan.definition.environment, state: stateName,
            isOver: isOver, isEmergency: plan.urgency.isEmergency, startedBy: startedBy, startedAt: startedAt,
            endedAt: endedAt, reason: reason, currentPhase: phase + 1, bakingUntil: bakingUntil,
            nextDeadlineAt: nextDeadlineAt, isRevoked: revocation != .none, stillRunning: stillRunning,
            phases: plan.phases.indices.compactMap(phaseView), hosts: views())
    }

    var stateName: String {
        switch state {
        case .planned: "planned"
        case .running: "running"
        case .baking: "baking"
        case .paused: "paused"
        case .halted: "halted"
        case .stopping: "stopping"
        case .backingOut: "backingOut"
        case .ended(.succeeded, _): "succeeded"
        case .ended(.backedOut, _): "backedOut"
        case .ended(.stopped, _): "stopped"
        case .ended(.failed, _): "failed"
        case .ended(.superseded, _): "superseded"
        }
    }

    private var endedAt: UTCInstant? { if case .ended(_, let at) = state { at } else { nil } }
    private var bakingUntil: UTCInstant? { if case .baking(_, let until) = state { until } else { nil } }

    private var reason: StatusReason? {
        switch state {
        case .paused(let held), .halted(let held): held.reason
        case .stopping(let reason): reason
        case .backingOut(let backOut): backOut.reason
        case .ended(.backedOut(let reason), _), .ended(.stopped(let reason), _), .ended(.failed(let reason), _): reason
        case .planned, .running, .baking, .ended: nil
        }
    }

    /// Whoever had begun, or had an order, and was not heard of again: nobody knows what is on it.
    public var inDoubt: [HostID] {
        hosts.filter { [.unknown, .unheard].contains($0.presence) }.map(\.id)
    }

    /// Once a release is revoked: whoever has it, or may have it, also from before and outside the back-out's scope.
    public var stillRunning: [HostID] {
        guard revocation != .none else { return [] }
        return hosts.filter { $0.presence != .absent }.map(\.id)
    }

    /// Whoever was to go back to what it ran before, by itself or by order, and could not.
    public var notBackedOut: [HostID] { hasNotBackedOut ? hosts.filter(\.isNotBackedOut).map(\.id) : [] }

    /// The same as a question, at once however many hosts there are.
    public var hasNotBackedOut: Bool { hosts.statistics.contains { $0.notBackedOut > 0 } }

    // MARK: phases

    private func phaseView(_ index: Int) -> PhaseView? {
        guard let gate = gate(index), let plan = phasePlan(index) else { return nil }
        var counts = PhaseCounts()
        for host in members(of: index) { counts.count(host) }
        return PhaseView(
            number: index + 1, name: plan.name, state: phaseStateName(index), hosts: plan.hosts.count, counts: counts,
            failuresAllowed: gate.failuresAllowed, offlineAllowed: gate.offlineAllowed,
            successesRequired: gate.successesRequired)
    }

    private func phaseStateName(_ index: Int) -> String {
        if index > phase { return isOver || backOut != nil ? "notReached" : "waiting" }
        if let backOut, backOut.covers(phase: index) {
            switch state {
            case .backingOut, .paused, .halted: return "backingOut"
            case .planned, .running, .baking, .stopping, .ended: break
            }
            return members(of: index).contains(where: \.presence.isOurs) ? "failed" : "backedOut"
        }
        if index < phase { return "passed" }
        switch state {
        case .running: return "running"
        case .baking: return "baking"
        case .paused(let held), .halted(let held):
            if case .baking = held.of { return "baking" }
            return "running"
        case .ended(.succeeded, _): return "passed"
        case .backingOut, .ended(.backedOut, _), .ended(.failed, _): return "failed"
        case .planned, .stopping, .ended: return "stopped"
        }
    }

    // MARK: hosts

    private func hostView(_ host: HostRecord) -> HostView {
        let words = HostWords(
            host, phaseName: phasePlan(host.phase)?.name ?? "its turn as a late joiner",
            holdsStarts: !startsHosts && !isOver)
        return HostView(
            id: host.id, phase: host.phase + 1, delivery: host.delivery, state: words.state, step: words.step,
            failure: words.failure, error: host.error, running: host.running, reason: words.reason,
            deadlineAt: isRetired ? nil : deadline(of: host)?.at)
    }
}

extension PhaseCounts {
    fileprivate mutating func count(_ host: HostRecord) {
        switch host.verdict {
        case .open: if host.install.isWaiting { waiting += 1 } else { inFlight += 1 }
        case .succeeded: succeeded += 1
        case .alreadyCurrent: alreadyCurrent += 1
        case .failed: failed += 1
        case .unreached: offline += 1
        case .skipped: skipped += 1
        case .absent: gone += 1
        }
    }
}
