import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// The rules, each asked after every input until none has anything more to say.
extension ReferenceRollout {
    mutating func settle(at now: UTCInstant) {
        while timesUp(at: now) || judge(at: now) || takeBackTheFailed() || start(at: now) {}
    }

    /// Semantics 2: a host that had started and vanished is lost; one that never said a word was not reached.
    private mutating func timesUp(at now: UTCInstant) -> Bool {
        let limit = plan.definition.limits.progressDeadline
        var changed = false
        for place in hosts.indices {
            let isTold = hosts[place].isTold
            if case .ordered(let at, let hasBegun) = hosts[place].course,
                now >= at + (isTold && !hasBegun ? .seconds(60) : limit)
            {
                hosts[place].course = hasBegun ? .failed : isTold ? .cancelled : .notReached
                if !hosts[place].hadItBefore {
                    if hasBegun {
                        hosts[place].hardly = false
                    } else if !hosts[place].mayHaveIt {
                        hosts[place].hardly = true
                    }
                    hosts[place].mayHaveIt = true
                }
                wantBackIfCovered(place)
                changed = true
            }
            if case .ordered(let at) = hosts[place].wayBack, now >= at + limit {
                hosts[place].wayBack = .unanswered
                changed = true
            }
        }
        return changed
    }

    mutating func wantBackIfCovered(_ place: Int) {
        if isTakenBack(hosts[place]), hosts[place].canBeTakenBack { hosts[place].wayBack = .wanted }
    }

    // MARK: verdict

    private mutating func judge(at now: UTCInstant) -> Bool {
        switch state {
        case .ended: return false
        case .stopping:
            guard !hosts.contains(where: { $0.isBusy || $0.wayBack == .wanted }) else { return false }
            end("stopped", at: now)
            return true
        case .backingOut: return judgeBackOut(at: now)
        case .paused(let of, let since, let left):
            if of.isBackingOut {
                if stuckTooMany { return halt(of, left, at: now) }
            } else if trip(at: now) {
                return true
            }
            guard now >= since + .hours(24) else { return false }
            return halt(of, left, at: now)
        case .halted(let of, let since, _):
            if !of.isBackingOut, trip(at: now) { return true }
            guard now >= since + .hours(24) else { return false }
            if of.isBackingOut { end("failed", at: now) } else { stop(at: now) }
            return true
        case .running: return trip(at: now) || pass(at: now)
        case .baking(let until):
            if trip(at: now) { return true }
            guard now >= until else { return false }
            leavePhase(at: now)
            return true
        }
    }

    private mutating func trip(at now: UTCInstant) -> Bool {
        let count = count(members(phase))
        let definition = plan.phases[phase]
        let failuresAllowed = Self.allowed(definition.failureTolerance, of: count.judged)
        if count.newFailed > failuresAllowed { return tripByFailures(count.newFailed, at: now) }
        if let tolerance = plan.definition.limits.failureTolerance {
            let whole = self.count(hosts)
            if whole.newFailed > Self.allowed(tolerance, of: whole.judged) {
                return tripByFailures(whole.newFailed, at: now)
            }
        }
        if case .halted = state { return false }
        let turned = (0..<phase).contains { earlier in
            let count = self.count(members(earlier))
            return count.newFailed > Self.allowed(plan.phases[earlier].failureTolerance, of: count.judged)
        }
        let offlineAllowed = Self.allowed(plan.definition.limits.offlineTolerance, of: count.judged)
        let successes = count.took + count.hadIt
        let required = count.judged == 0 ? 0 : max(1, count.judged - failuresAllowed - offlineAllowed)
        let isEmpty = count.judged == 0 && count.excused == 0
        guard
            turned || count.newSkipped > count.all / 10 || isEmpty || count.newNotReached > offlineAllowed
                || successes + count.open < required
        else { return false }
        return halt(inner, left(at: now), at: now)
    }

    /// Small fleets: outside the pilot one host is not yet a pattern.
    private mutating func tripByFailures(_ failures: Int, at now: UTCInstant) -> Bool {
        let scope = plan.definition.backOut
        if scope == .host || plan.definition.irreversible != nil || (plan.phases[phase].kind != .pilot && failures < 2)
        {
            if case .halted = state { return false }
            return halt(inner, left(at: now), at: now)
        }
        takeBack(wholeRollout: scope == .rollout, at: now)
        return true
    }

    private mutating func pass(at now: UTCInstant) -> Bool {
        let count = count(members(phase))
        guard count.open == 0 else { return false }
        if plan.phases[phase].kind == .pilot, count.took == 0, !pilotMayBeEmpty {
            _ = halt(inner, left(at: now), at: now)
            isHaltedByPilot = true
            return true
        }
        if plan.phases[phase].bake > .zero {
            state = .baking(until: now + plan.phases[phase].bake)
        } else {
            leavePhase(at: now)
        }
        return true
    }

    private mutating func leavePhase(at now: UTCInstant) {
        if phase + 1 < plan.phases.count {
            phase += 1
            state = .running
            skipUnhealthy()
        } else {
            end("succeeded", at: now)
        }
    }

    mutating func skipUnhealthy() {
        guard plan.definition.limits.unhealthyBefore == .skip, !isOver else { return }
        for place in hosts.indices where hosts[place].phase == phase && hosts[place].isUncounted {
            hosts[place].course = .skipped
        }
    }

    func left(at now: UTCInstant) -> TimeSpan {
        switch state {
        case .baking(let until): max(.zero, until.since(now))
        case .paused(_, _, let left), .halted(_, _, let left): left
        case .running, .stopping, .backingOut, .ended: .zero
        }
    }

    private mutating func halt(_ of: State, _ left: TimeSpan, at now: UTCInstant) -> Bool {
        state = .halted(of: of, since: now, left: left)
        isHaltedByPilot = false
        return true
    }

    mutating func stop(at now: UTCInstant) {
        state = .stopping
        cancelStarts(at: now)
    }

    mutating func end(_ how: String, at now: UTCInstant) {
        state = .ended(how)
        if how != "succeeded" { cancelStarts(at: now) }
    }

    /// Semantics 4: who has not begun does not begin, who is before its switch is told to drop its order.
    private mutating func cancelStarts(at now: UTCInstant) {
        for place in hosts.indices {
            switch hosts[place].course {
            case .notYet: hosts[place].course = .cancelled
            case .ordered(_, hasBegun: false) where !hosts[place].isTold:
                hosts[place].isTold = true
                hosts[place].course = .ordered(at: now, hasBegun: false)
            default: break
            }
        }
    }

    // MARK: back-outs (semantics 5)

    mutating func takeBack(wholeRollout: Bool, at now: UTCInstant) {
        state = .backingOut(wholeRollout: wholeRollout)
        takesBack = (wholeRollout, phase)
        cancelStarts(at: now)
        for place in hosts.indices where isTakenBack(hosts[place]) {
            if hosts[place].canBeTakenBack { hosts[place].wayBack = .wanted }
            tryStuckAgain(place, excuses: false)
        }
    }

    /// Two retries, then hands off.
    mutating func tryStuckAgain(_ place: Int, excuses: Bool) {
        guard hosts[place].wayBack == .stuck else { return }
        if hosts[place].backAttempt < 3 {
            hosts[place].backAttempt += 1
            hosts[place].wayBack = .wanted
        } else if excuses {
            hosts[place].isStuckExcused = true
        }
    }

    private var stuckTooMany: Bool {
        guard let takesBack else { return false }
        let wave = hosts.filter { isTakenBack($0) && $0.wayBack != .notWanted }
        let stuck = wave.filter { $0.wayBack == .stuck && !$0.isStuckExcused }
        return stuck.count > Self.allowed(plan.phases[takesBack.phase].failureTolerance, of: wave.count)
    }

    private mutating func judgeBackOut(at now: UTCInstant) -> Bool {
        if stuckTooMany { return halt(state, .zero, at: now) }
        guard !hosts.contains(where: { $0.isBusy || $0.wayBack == .wanted }) else { return false }
        end("backedOut", at: now)
        return true
    }

    /// Semantics 5: host failure → host.
    private mutating func takeBackTheFailed() -> Bool {
        if isOver || state.isBackingOut || plan.definition.irreversible != nil { return false }
        var changed = false
        for place in hosts.indices where hosts[place].judgedCourse == .failed && hosts[place].canBeTakenBack {
            hosts[place].wayBack = .wanted
            changed = true
        }
        return changed
    }

    // MARK: starts

    private mutating func start(at now: UTCInstant) -> Bool {
        var changed = false
        if mayStart {
            for phase in 0...phase {
                var places = plan.phases[phase].parallelism - members(phase).count { $0.isUnderWay || $0.isGoingBack }
                for place in hosts.indices where hosts[place].phase == phase && places > 0 {
                    guard hosts[place].course == .notYet, hosts[place].wayBack == .notWanted else { continue }
                    hosts[place].course = .ordered(at: now, hasBegun: false)
                    places -= 1
                    changed = true
                }
            }
        }
        guard mayTakeBack else { return changed }
        for place in hosts.indices
        where hosts[place].wayBack == .wanted && !hosts[place].isUnderWay && !isTakenBack(hosts[place]) {
            hosts[place].wayBack = .ordered(at: now)
            changed = true
        }
        return startWave(at: now) || changed
    }

    /// Newest phase first; the brake: one host first, and healthy.
    private mutating func startWave(at now: UTCInstant) -> Bool {
        let wave = hosts.indices.filter { isTakenBack(hosts[$0]) }
        let ready = wave.filter { hosts[$0].wayBack == .wanted && !hosts[$0].isUnderWay }
        let going = wave.filter { hosts[$0].isGoingBack }
        let isProved = plan.urgency.isEmergency || wave.contains { hosts[$0].wayBack == .back(wasOrdered: true) }
        // Hosts that never said a word have hardly anything to go back from: they prove nothing and come last.
        let real = ready.filter { !hosts[$0].hardly }
        if !isProved, let newest = real.map({ hosts[$0].phase }).max() {
            guard going.isEmpty, let first = real.first(where: { hosts[$0].phase == newest }) else { return false }
            hosts[first].wayBack = .ordered(at: now)
            return true
        }
        if !isProved, going.contains(where: { !hosts[$0].hardly }) { return false }
        guard let newest = (ready + going).map({ hosts[$0].phase }).max() else { return false }
        let places = plan.phases[newest].parallelism - going.count { hosts[$0].phase == newest }
        let next = ready.filter { hosts[$0].phase == newest }.prefix(max(0, places))
        for place in next { hosts[place].wayBack = .ordered(at: now) }
        return !next.isEmpty
    }
}
