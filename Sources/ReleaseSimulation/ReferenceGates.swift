import ReleaseDefinition
import ReleaseRollout

/// A phase that is done and baked is left when each of its gates has passed (semantics 9).
extension ReferenceRollout {
    enum Gates: Equatable {
        case notAsked
        /// Who has not said anything by then has no data.
        case asked(until: UTCInstant, answers: [GateVerdict?])
    }

    /// nil: the phase may be left; else whether something changed.
    mutating func askGates(at now: UTCInstant) -> Bool? {
        guard let names = plan.phases[phase].gates, !names.isEmpty, gatesWaived != phase else { return nil }
        guard case .asked(let until, let answers) = gates else {
            gates = .asked(until: now + .minutes(15), answers: Array(repeating: nil, count: names.count))
            gateRound += 1
            return true
        }
        if answers.contains(.fail) {
            holdForGate(.halted(of: inner, since: now, left: left(at: now)))
            return true
        }
        if answers.contains(nil), now < until { return false }
        // Undecided is not failed: a person looks.
        guard !answers.allSatisfy({ $0 == .pass }) else { return nil }
        holdForGate(.paused(of: inner, since: now, left: left(at: now)))
        return true
    }

    private mutating func holdForGate(_ state: State) {
        (awaitsPromotion, isPausedByPerson, isHaltedByPilot) = (false, false, false)
        self.state = state
        isHeldByGate = true
    }

    mutating func gateSaid(_ number: Int, _ verdict: GateVerdict) {
        guard case .asked(let until, var answers) = gates, answers[number] == nil else { return }
        answers[number] = verdict
        gates = .asked(until: until, answers: answers)
    }

    /// Whoever resumes has them asked anew, but where all have passed.
    mutating func forgetGates() {
        isHeldByGate = false
        guard case .asked(_, let answers) = gates, !answers.allSatisfy({ $0 == .pass }) else { return }
        gates = .notAsked
    }

    /// Those whose answer is waited for.
    var openGates: [Int] {
        guard case .asked(_, let answers) = gates, !isOver, !isSuperseded else { return [] }
        return answers.indices.filter { answers[$0] == nil }
    }
}

/// A host that had succeeded and does not stay healthy (semantics 5).
extension ReferenceRollout {
    mutating func turnsUnhealthy(_ place: Int, _ others: OtherHosts?, at now: UTCInstant) {
        guard hosts[place].course == .took, hosts[place].wayBack == .notWanted, !hosts[place].isUncounted else {
            return
        }
        switch state {
        case .running, .baking, .paused, .halted, .stopping: hosts[place].course = .failed
        case .ended:
            guard isInEarlyLife(at: now) else { return }
            hosts[place].course = .failed
            earlyFailures += 1
            othersThen = others
        case .backingOut: break
        }
    }

    func isInEarlyLife(at now: UTCInstant) -> Bool {
        guard state == .ended("succeeded"), !isSuperseded, let endedAt else { return false }
        return now < endedAt + (plan.definition.limits.earlyLife ?? plan.earlyLife ?? .hours(24))
    }

    /// One host goes back alone; over the tolerance and worse than hosts without the release (than before, where none is
    /// left) all do; else a person is called, once.
    mutating func judgeEarlyLife(at now: UTCInstant) -> Bool {
        guard earlyFailures > 0, !isPaged, isInEarlyLife(at: now) else { return false }
        let tolerance = plan.definition.limits.failureTolerance ?? Tolerance(percent: 5)
        guard earlyFailures > max(1, Self.allowed(tolerance, of: count(hosts).judged)) else { return false }
        if isWorseThanWithout, !isIrreversible {
            takeBack(wholeRollout: true, at: now)
        } else {
            isPaged = true
        }
        return true
    }

    private var isWorseThanWithout: Bool {
        guard let othersThen, othersThen.count > 0 else {
            return earlyFailures > plan.hosts.count { $0.isUnhealthy == true }
        }
        let stillWell = hosts.count { $0.judgedCourse == .took }
        let (with, without) = (
            Double(earlyFailures) / Double(earlyFailures + stillWell),
            Double(othersThen.unhealthy) / Double(othersThen.count)
        )
        // Shares of fewer than a thousand hosts that differ at all differ by more.
        return with - without > 1e-9
    }
}

/// How many of a group may be down at once (semantics 1).
extension ReferenceRollout {
    /// It is being changed, was lost, or could not go back; whoever resumed in the face of that answers for it.
    func isDown(_ host: Host) -> Bool {
        if host.isBusy { return true }
        if host.excused == .failed { return false }
        if case .back = host.wayBack { return false }
        let isLost = host.course == .failed && !host.hasSpoken && (host.mayHaveIt || host.hadItBefore)
        return isLost || host.isLocked || host.wayBack == .stuck && !host.isStuckExcused
    }

    func hasRoom(_ host: Host) -> Bool {
        guard let limit = plan.definition.limits.maxUnavailable, let group = host.group, !isDown(host) else {
            return true
        }
        return hosts.count { $0.group == group && isDown($0) } < limit.count
    }

    /// Some wait, nobody is under way, and none of them has room beside those that are down.
    func isStuckByGroup() -> Bool {
        guard plan.definition.limits.maxUnavailable != nil,
            !hosts.contains(where: { $0.isBusy || $0.isWantedBack })
        else { return false }
        let waiting = hosts.filter {
            $0.phase <= phase && $0.course == .notYet && $0.inTurnAt != nil && $0.awayAt == nil
                && $0.wayBack == .notWanted
        }
        return !waiting.isEmpty && !waiting.contains { hasRoom($0) }
    }
}
