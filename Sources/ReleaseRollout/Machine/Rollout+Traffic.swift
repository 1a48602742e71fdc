import ReleaseDefinition

/// Where the traffic is, of a rollout with two sides.
struct Traffic: Sendable, Equatable {
    enum State: Sendable, Equatable {
        /// As it was before.
        case before
        case switching(since: UTCInstant, isBack: Bool, hasBegun: Bool)
        /// Switched, and watched before the other side is touched.
        case watching(until: UTCInstant)
        case switched
        case failed(isBack: Bool)
    }

    var state = State.before
    var attempt = 0
    /// Longer than the program itself may take.
    static let grace = TimeSpan.seconds(30)
}

extension Rollout {
    /// The phase before which the traffic is switched.
    private var trafficPhase: Int? {
        frozen?.hasTraffic == true ? frozen?.value.phases.firstIndex { $0.traffic != nil } : nil
    }

    var trafficOrder: TrafficOrder? {
        guard let phase = trafficPhase, let traffic = phasePlan(phase)?.traffic,
            case .switching(_, let isBack, _) = self.traffic.state
        else { return nil }
        return TrafficOrder(
            phase: phase, hook: traffic.hook, timeout: traffic.timeout, isBack: isBack, attempt: self.traffic.attempt)
    }

    var isSwitchingTraffic: Bool { if case .switching = traffic.state { true } else { false } }

    /// No host starts between two sides.
    var isBetweenSides: Bool {
        switch traffic.state {
        case .before, .switched: false
        case .switching, .watching, .failed: true
        }
    }

    var pendingTraffic: [RolloutAction] {
        guard let order = trafficOrder, case .switching(_, _, hasBegun: false) = traffic.state else { return [] }
        return [.switchTraffic(order)]
    }

    /// Hosts of these phases may not be taken back while the traffic is on them.
    func carriesTraffic(phase: Int) -> Bool {
        guard let trafficPhase, traffic.state != .before else { return false }
        return phase < trafficPhase
    }

    /// What follows for the traffic by itself.
    func trafficConsequences(at now: UTCInstant) -> [RolloutFact] {
        guard let phase = trafficPhase, let timeout = phasePlan(phase)?.traffic?.timeout else { return [] }
        if case .switching(let since, let isBack, _) = traffic.state, now >= since + timeout + Traffic.grace {
            return answered(phase, isBack: isBack, succeeded: false, "It has not ended within \(timeout).")
        }
        switch state {
        case .running(let running):
            // Also after a person resumed in the face of a failure.
            guard running == phase else { return [] }
            switch traffic.state {
            case .before, .failed: return [switching(phase, isBack: false)]
            case .watching(let until): return now >= until ? [.trafficWatched(phase: phase)] : []
            case .switching, .switched: return []
            }
        case .backingOut(let backOut):
            guard backOut.covers(phase: phase - 1), traffic.state != .before, !isSwitchingTraffic else { return [] }
            // Newest phase first: the side that is to have the traffic again goes back before.
            let newer = hosts.statistics.indices.filter { $0 >= phase && backOut.covers(phase: $0) }
            return newer.allSatisfy { hosts.statistics[$0].unfinished == 0 } ? [switching(phase, isBack: true)] : []
        case .planned, .baking, .paused, .halted, .stopping, .ended: return []
        }
    }

    private func switching(_ phase: Int, isBack: Bool) -> RolloutFact {
        .trafficSwitching(phase: phase, isBack: isBack, attempt: traffic.attempt + 1)
    }

    var trafficDeadlineAt: UTCInstant? {
        switch traffic.state {
        case .switching(let since, _, _): return trafficOrder.map { since + $0.timeout + Traffic.grace }
        case .watching(let until): if case .running = state { return until } else { return nil }
        case .before, .switched, .failed: return nil
        }
    }

    func trafficBegun(_ order: TrafficOrder) -> [RolloutFact] {
        guard order == trafficOrder, case .switching(_, _, hasBegun: false) = traffic.state else { return [] }
        return [.trafficBegun]
    }

    func trafficAnswered(_ order: TrafficOrder, succeeded: Bool, _ detail: String) -> [RolloutFact] {
        order == trafficOrder ? answered(order.phase, isBack: order.isBack, succeeded: succeeded, detail) : []
    }

    private func answered(_ phase: Int, isBack: Bool, succeeded: Bool, _ detail: String) -> [RolloutFact] {
        if succeeded { return [.trafficSwitched(phase: phase, isBack: isBack)] }
        let text = "The traffic could not be switched\(isBack ? " back" : ""): \(detail)"
        let failed = RolloutFact.trafficFailed(phase: phase, isBack: isBack, detail: detail)
        switch state {
        case .backingOut where !isBack: return [failed]
        case .running, .baking, .backingOut, .paused:
            return [failed, .halted(reason: StatusReason(.trafficFailed, text))]
        case .planned, .halted, .stopping, .ended: return [failed]
        }
    }

    mutating func applyTraffic(_ fact: RolloutFact, at: UTCInstant) {
        switch fact {
        case .trafficSwitching(_, let isBack, let attempt):
            traffic = Traffic(state: .switching(since: at, isBack: isBack, hasBegun: false), attempt: attempt)
        case .trafficBegun:
            if case .switching(let since, let isBack, _) = traffic.state {
                traffic.state = .switching(since: since, isBack: isBack, hasBegun: true)
            }
        case .trafficSwitched(let phase, let isBack):
            let bake = phasePlan(phase)?.traffic?.bake ?? .zero
            traffic.state = isBack ? .before : bake > .zero ? .watching(until: at + bake) : .switched
        case .trafficWatched: traffic.state = .switched
        case .trafficFailed(_, let isBack, _): traffic.state = .failed(isBack: isBack)
        // The program may have died with the controller: it is started again.
        case .clocksRestarted:
            if case .switching(_, let isBack, _) = traffic.state {
                traffic.state = .switching(since: at, isBack: isBack, hasBegun: false)
            }
        default: break
        }
    }
}
