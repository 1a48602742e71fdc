import ReleaseDefinition
import ReleaseRollout

/// Two sides: the traffic is switched between them, forward before the second is touched, back before the first is.
extension ReferenceRollout {
    enum Traffic: Equatable {
        case before
        case switching(since: UTCInstant, isBack: Bool)
        case watched(until: UTCInstant)
        case switched
        case failed
    }

    /// The phase before which it is switched.
    private var second: Int? { plan.phases.firstIndex { $0.traffic != nil } }

    /// The side has the traffic, or may have.
    func hasTraffic(_ phase: Int) -> Bool {
        guard let second else { return false }
        return traffic != .before && phase < second
    }

    mutating func moveTraffic(at now: UTCInstant) -> Bool {
        guard let second, let rule = plan.phases[second].traffic else { return false }
        if case .switching(let since, let isBack) = traffic {
            guard now >= since + rule.timeout + .seconds(30) else { return false }
            trafficSaid(false, isBack: isBack, at: now)
            return true
        }
        if state == .running, phase == second {
            switch traffic {
            case .before, .failed: traffic = .switching(since: now, isBack: false)
            case .watched(let until) where now >= until: traffic = .switched
            default: return false
            }
            return true
        }
        guard state.isBackingOut, traffic != .before, let takesBack,
            takesBack.wholeRollout || takesBack.phase <= second - 1,
            !hosts.contains(where: { $0.phase >= second && ($0.isBusy || $0.isWantedBack) })
        else { return false }
        traffic = .switching(since: now, isBack: true)
        return true
    }

    /// The program ended.
    mutating func trafficSaid(_ succeeded: Bool, isBack: Bool, at now: UTCInstant) {
        guard let second, let rule = plan.phases[second].traffic else { return }
        if succeeded {
            traffic = isBack ? .before : rule.bake > .zero ? .watched(until: now + rule.bake) : .switched
            return
        }
        traffic = .failed
        // A way forward that nobody wants any more has not failed anybody.
        let isMoot = state.isBackingOut && !isBack
        switch state {
        case .running, .baking, .backingOut, .paused: if !isMoot { haltFor(at: now) }
        case .halted, .stopping, .ended: break
        }
    }

    private mutating func haltFor(at now: UTCInstant) {
        (awaitsPromotion, isHeldByGate, isHaltedByPilot) = (false, false, false)
        state = .halted(of: inner, since: now, left: left(at: now))
    }
}
