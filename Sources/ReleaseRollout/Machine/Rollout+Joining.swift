import ReleaseDefinition

/// Hosts that come after the start. They are outside every threshold, because those were frozen; they catch up with the
/// last finished phase, and so are never in the pilot.
extension Rollout {
    func joined(_ host: PlanHost) -> [RolloutFact] {
        if let known = record(host.id), successor == nil, known.delivery != host.delivery, known.backOut == nil {
            switch known.install {
            case .waiting, .admitted, .ordered: return [.hostFound(host)]
            case .working, .ended: return []
            }
        }
        guard let plan, successor == nil, record(host.id) == nil,
            plan.definition.hosts.matches(id: host.id, labels: host.labels)
        else { return [] }
        switch state {
        case .running, .baking, .paused, .halted: return backOut == nil ? [.hostJoined(host)] : []
        case .ended(.succeeded, _): return [.hostJoined(host)]
        case .planned, .stopping, .backingOut, .ended: return []
        }
    }

    mutating func join(_ host: PlanHost, at: UTCInstant) {
        guard let plan else { return }
        hosts.append(host, of: plan)
        releaseLate(at: at)
    }

    mutating func find(_ host: PlanHost, at: UTCInstant) {
        guard let place = hosts.place(of: host.id) else { return }
        hosts.find(place, host, rollout: plan?.id ?? RolloutID(unchecked: "none"), at: at)
    }

    /// Once a phase has passed.
    mutating func releaseLate(at: UTCInstant) {
        guard let plan, hosts.phases.count > plan.phases.count, phase > (plan.migrates ? 1 : 0) || isOver else {
            return
        }
        update(phase: plan.phases.count) { host in
            if host.install == .waiting(since: nil) { host.install = .waiting(since: at) }
        }
    }

    /// As many as the last finished phase changes at once.
    func lateToAdmit(_ room: inout HostGroups) -> [HostID] {
        guard let plan, hosts.phases.count > plan.phases.count else { return [] }
        let finished = isOver ? phase : max(0, phase - 1)
        let atOnce = phasePlan(finished)?.parallelism ?? 1
        return hosts.toStart(phase: plan.phases.count, atOnce - hosts.statistics[plan.phases.count].busy, room: &room)
    }
}
