import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// Inputs that can be, of what the reference is at.
extension ModelCheck {
    mutating func nextInput() -> ReferenceInput {
        let hosts = reference.hosts
        let busy = hosts.indices.filter { hosts[$0].isUnderWay }
        let goingBack = hosts.indices.filter { hosts[$0].isGoingBack }
        let late = hosts.indices.filter { isLate(hosts[$0]) }
        if case .switching = reference.traffic, choice.chance(30) { return .trafficSaid(choice.chance(75)) }
        if let gate = reference.openGates.first, choice.chance(40) {
            return .gateSaid(gate, choice.one([.pass, .pass, .pass, .pass, .pass, .fail, .inconclusive, .noData]))
        }
        switch choice.number(0..<100) {
        case ..<3: return .turnsUnhealthy(choice.number(0..<hosts.count), others: nextOthers())
        case ..<40 where !busy.isEmpty:
            let place = choice.one(busy)
            return choice.chance(30) ? .begins(place) : .says(place, outcome(of: place))
        case ..<63 where !goingBack.isEmpty:
            let place = choice.one(goingBack)
            return choice.chance(20) ? .beginsBack(place) : .saysBack(place, succeeded: choice.chance(80))
        case ..<67 where !late.isEmpty:
            let place = choice.one(late)
            return .says(place, outcome(of: place))
        case ..<69: return .leaves(choice.number(0..<hosts.count))
        case ..<76: return contact()
        case ..<78: return joins()
        case ..<80: return retryOrSkip()
        case ..<87: return .tick
        case ..<93: return goOn()
        default: return verb()
        }
    }

    /// Of a few hosts without the release none, some or all are unhealthy; sometimes there is none, or nobody looked.
    private mutating func nextOthers() -> OtherHosts? {
        guard otherHosts.chance(80) else { return nil }
        let count = otherHosts.number(0..<12)
        return OtherHosts(
            count: count, unhealthy: otherHosts.chance(50) ? 0 : otherHosts.number(0..<(count + 1)))
    }

    /// Its deadline has passed, and it may still speak on the same order.
    private func isLate(_ host: ReferenceRollout.Host) -> Bool {
        (host.course == .notReached || host.course == .failed) && !host.hasSpoken
    }

    private mutating func outcome(of place: Int) -> HostOutcome {
        if reference.hosts[place].hadItBefore { return .alreadyCurrent }
        if reference.hosts[place].isTold, choice.chance(60) { return .cancelled }
        return choice.one([
            .succeeded, .succeeded, .succeeded, .succeeded, .succeeded, .succeeded, .succeeded, .failed(.install),
            .backedOut(.health), .failed(.preflight), .backOutFailed, .skipped("pinned"),
        ])
    }

    private mutating func contact() -> ReferenceInput {
        let place = choice.number(0..<reference.hosts.count)
        guard reference.hosts[place].awayAt == nil else { return .comesBack(place) }
        let away = reference.hosts.indices.filter { reference.hosts[$0].awayAt != nil }
        // Most come back.
        if !away.isEmpty, choice.chance(60) { return .comesBack(choice.one(away)) }
        return .goesAway(place)
    }

    private mutating func joins() -> ReferenceInput {
        guard choice.chance(40) else { return .tick }
        let name = "late-\(reference.hosts.count)"
        let labels = ["cluster": "c0", "ephemeral": choice.chance(20) ? "true" : "false"]
        let release = plan.definition.release
        return .joins(
            PlanHost(id: HostID(unchecked: name), labels: labels, running: choice.chance(10) ? release : nil))
    }

    /// What a person may ask for a single host.
    private mutating func retryOrSkip() -> ReferenceInput {
        guard isUnderWay else { return .tick }
        let hosts = reference.hosts
        if choice.chance(50) {
            let fit = hosts.indices.filter { place in
                let host = hosts[place]
                guard [.failed, .notReached].contains(host.judgedCourse), !host.isLocked else { return false }
                switch host.wayBack {
                case .notWanted, .back, .unanswered, .left: return true
                case .wanted, .ordered, .stuck: return false
                }
            }
            return fit.isEmpty ? .tick : .retry(choice.one(fit))
        }
        let fit = hosts.indices.filter { place in
            hosts[place].course == .notYet || hosts[place].course == .notReached && !hosts[place].isUncounted
        }
        return fit.isEmpty ? .tick : .skip(choice.one(fit))
    }

    private var isUnderWay: Bool {
        switch reference.state {
        case .running, .baking: true
        case .paused(let of, _, _), .halted(let of, _, _): !of.isBackingOut
        case .stopping, .backingOut, .ended: false
        }
    }

    private var isPausedByEngine: Bool {
        guard case .paused = reference.state else { return false }
        return reference.isWaitingForPromotion || reference.isHeldByGate
    }

    private mutating func goOn() -> ReferenceInput {
        if reference.isWaitingForPromotion { return .promote }
        if reference.isHeld, reference.isHeldByGate, choice.chance(50) { return .promote }
        let isForgotten = reference.awaitsPromotion && !reference.isPausedByPerson
        if reference.isHeld, isForgotten, choice.chance(50) { return .promote }
        return reference.isHeld ? .resume : .tick
    }

    private mutating func verb() -> ReferenceInput {
        let canHold = reference.state == .running || reference.state.isBaking || reference.state.isBackingOut
        let isBackingOut = reference.inner.isBackingOut
        switch choice.number(0..<11) {
        case 0...1: return canHold || isPausedByEngine ? .pause : .tick
        case 2: return canHold ? .halt : .tick
        case 3...4: return goOn()
        case 5:
            let canStop = canHold && !isBackingOut || reference.isHeld
            return canStop ? .stop : .tick
        case 6: return reference.isOver || isBackingOut ? .tick : .backOutPhase
        case 7: return reference.isOver || isBackingOut ? .tick : .backOutRollout
        case 8...9:
            if case .paused = reference.state { return isBackingOut ? .tick : .freeze }
            return reference.state == .running || reference.state.isBaking ? .freeze : .tick
        default: return choice.chance(20) && !isBackingOut && reference.takesBack == nil ? .supersede : .tick
        }
    }
}
