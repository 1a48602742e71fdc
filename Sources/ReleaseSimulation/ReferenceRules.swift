import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// The rules, each asked after every input until none has anything more to say.
extension ReferenceRollout {
    mutating func settle(at now: UTCInstant) {
        settlingAt = now
        guard !isSuperseded else { return }
        repeat {
            while timesUp(at: now) {}
            openOrShut(at: now)
            // Who has been away for its grace counts as soon as others may start.
            while timesUp(at: now) {}
        } while moveTraffic(at: now) || judge(at: now) || takeBackTheFailed(at: now) || start(at: now)
    }

    /// Semantics 7: a freeze beats a window; the plan has what they leave.
    mutating func openOrShut(at now: UTCInstant) {
        isOpen = plan.starts.map { $0.contains { $0.from <= now && now < $0.until } } ?? true
    }

    // MARK: verdict

    private mutating func judge(at now: UTCInstant) -> Bool {
        switch state {
        case .ended: return judgeEarlyLife(at: now)
        case .stopping:
            guard isQuiet else { return false }
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
            return halt(of, left, at: now, isForgotten: true)
        case .halted(let of, let since, _):
            if !of.isBackingOut, trip(at: now) { return true }
            guard now >= since + .hours(24) else { return false }
            if of.isBackingOut { end("failed", at: now) } else { stop(at: now) }
            return true
        case .running: return trip(at: now) || pass(at: now)
        case .baking(let until):
            if trip(at: now) { return true }
            return now >= until && leavePhase(at: now)
        }
    }

    private mutating func trip(at now: UTCInstant) -> Bool {
        let count = count(members(phase))
        let definition = plan.phases[phase]
        let failuresAllowed = Self.allowed(definition.failureTolerance, of: count.judged)
        if count.newFailed > failuresAllowed { return tripByFailures(count.newFailed, at: now) }
        if let tolerance = plan.definition.limits.failureTolerance {
            let whole = self.count(planned)
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
        let required = self.required(count, failuresAllowed, offlineAllowed)
        let isEmpty = count.judged == 0 && count.excused == 0
        guard
            turned || isShutForGood(count, at: now) || count.newSkipped > count.all / 10 || isEmpty
                || count.newNotReached > offlineAllowed
                || successes + count.open < required || isStuckByGroup()
        else { return false }
        return halt(inner, left(at: now), at: now)
    }

    private func required(_ count: Count, _ failuresAllowed: Int, _ offlineAllowed: Int) -> Int {
        if count.judged == 0 { return 0 }
        switch plan.phases[phase].requiredSuccesses {
        case nil: return max(1, count.judged - failuresAllowed - offlineAllowed)
        case .percent(let percent): return max(1, (count.judged * percent + 99) / 100)
        case .count(let wanted): return max(1, min(wanted, count.all - count.left - count.excused))
        }
    }

    /// Somebody waits, nobody is under way, and no window comes any more.
    private func isShutForGood(_ count: Count, at now: UTCInstant) -> Bool {
        guard let starts = plan.starts, !isOpen, !starts.contains(where: { now < $0.until }) else { return false }
        return count.open > 0 && !hosts.contains { $0.isBusy || $0.isWantedBack }
    }

    private var isQuiet: Bool {
        if case .switching = traffic { return false }
        return !hosts.contains { $0.isBusy || $0.isWantedBack }
    }

    private var standsForAll: Bool { plan.phases[phase].kind == .pilot || plan.phases[phase].kind == .migration }

    /// What cannot be taken back was declared, or a migration that cannot has run.
    var isIrreversible: Bool {
        if plan.definition.irreversible != nil { return true }
        return (plan.migrations ?? []).contains { migration in
            !migration.isReversible
                && hosts.contains { $0.id == migration.host && ($0.mayHaveIt || $0.course == .took) }
        }
    }

    /// Others stand on the migration that it ran.
    func isStoodOn(_ host: Host) -> Bool {
        guard plan.phases[0].kind == .migration, host.phase == 0, phase > 0 else { return false }
        return hosts.contains { $0.phase > 0 && ($0.mayHaveIt || $0.isUnderWay) }
    }

    /// Small fleets: outside the pilot one host is not yet a pattern.
    private mutating func tripByFailures(_ failures: Int, at now: UTCInstant) -> Bool {
        let scope = plan.definition.backOut
        if scope == .host || isIrreversible || (!standsForAll && failures < 2) {
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
            return true
        }
        return leavePhase(at: now)
    }

    private mutating func leavePhase(at now: UTCInstant) -> Bool {
        if let isAsking = askGates(at: now) { return isAsking }
        if phase + 1 < plan.phases.count {
            if plan.phases[phase].promotion == .manual, promoted != phase {
                state = .paused(of: inner, since: now, left: left(at: now))
                (awaitsPromotion, isPausedByPerson) = (true, false)
                return true
            }
            phase += 1
            (gates, gateRound) = (.notAsked, 0)
            state = .running
            begin(at: now)
            skipUnhealthy()
        } else {
            end("succeeded", at: now)
        }
        return true
    }

    /// The hosts of the phase are in turn; those that came late are once the pilot has passed.
    mutating func begin(at now: UTCInstant) {
        for place in hosts.indices where hosts[place].course == .notYet && hosts[place].inTurnAt == nil {
            if hosts[place].phase == phase || hosts[place].phase == plan.phases.count && lateMayStart {
                hosts[place].inTurnAt = now
            }
        }
    }

    private var lateMayStart: Bool { isOver || phase > (plan.phases[0].kind == .migration ? 1 : 0) }

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

    private mutating func halt(
        _ of: State, _ left: TimeSpan, at now: UTCInstant, isForgotten: Bool = false
    ) -> Bool {
        // One that was forgotten while it waited for a person can still be promoted.
        awaitsPromotion = awaitsPromotion && isForgotten && !isPausedByPerson
        isHeldByGate = false
        state = .halted(of: of, since: now, left: left)
        isHaltedByPilot = false
        return true
    }

    mutating func stop(at now: UTCInstant) {
        state = .stopping
        cancelStarts(at: now)
    }

    mutating func end(_ how: String, at now: UTCInstant) {
        (state, endedAt) = (.ended(how), now)
        if how == "succeeded" { begin(at: now) } else { cancelStarts(at: now) }
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
            if hosts[place].canBeTakenBack { hosts[place].wayBack = .wanted(at: now) }
            tryStuckAgain(place, excuses: false, at: now)
        }
    }

    /// Two retries, then hands off.
    mutating func tryStuckAgain(_ place: Int, excuses: Bool, at now: UTCInstant) {
        guard hosts[place].wayBack == .stuck else { return }
        if hosts[place].backTries < 2 {
            hosts[place].backTries += 1
            hosts[place].backAttempt += 1
            hosts[place].hasSpokenBack = false
            hosts[place].wayBack = .wanted(at: now)
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
        guard isQuiet else { return false }
        end("backedOut", at: now)
        return true
    }

    /// Semantics 5: host failure → host.
    private mutating func takeBackTheFailed(at now: UTCInstant) -> Bool {
        if state.isBackingOut || isIrreversible { return false }
        if isOver, earlyFailures == 0 || !isInEarlyLife(at: now) { return false }
        var changed = false
        for place in hosts.indices where hosts[place].judgedCourse == .failed && hosts[place].canBeTakenBack {
            guard !isStoodOn(hosts[place]) else { continue }
            hosts[place].wayBack = .wanted(at: now)
            changed = true
        }
        return changed
    }

    // MARK: starts

    private mutating func start(at now: UTCInstant) -> Bool {
        var changed = false
        if mayStart {
            for phase in 0...phase { changed = start(phase, plan.phases[phase].parallelism, at: now) || changed }
            // As many as the last finished phase changes at once.
            let finished = isOver ? phase : max(0, phase - 1)
            changed = start(plan.phases.count, plan.phases[finished].parallelism, at: now) || changed
        }
        guard mayTakeBack else { return changed }
        let alone = hosts.indices.filter {
            hosts[$0].isWantedBack && !hosts[$0].isUnderWay && !isTakenBack(hosts[$0]) && hosts[$0].awayAt == nil
        }
        changed = orderBack(alone, alone.count, at: now) || changed
        return startWave(at: now) || changed
    }

    private mutating func start(_ phase: Int, _ atOnce: Int, at now: UTCInstant) -> Bool {
        var places = atOnce - members(phase).count { $0.isUnderWay || $0.isGoingBack }
        var changed = false
        for place in hosts.indices where hosts[place].phase == phase && places > 0 {
            guard hosts[place].course == .notYet, hosts[place].inTurnAt != nil, hosts[place].wayBack == .notWanted,
                hosts[place].awayAt == nil, hasRoom(hosts[place])
            else { continue }
            hosts[place].course = .ordered(at: now, hasBegun: false)
            places -= 1
            changed = true
        }
        return changed
    }

    /// Newest phase first; the brake: one host first, and healthy. Nobody waits for who is away.
    private mutating func startWave(at now: UTCInstant) -> Bool {
        let wave = hosts.indices.filter { isTakenBack(hosts[$0]) }
        let ready = wave.filter { hosts[$0].isWantedBack && !hosts[$0].isUnderWay && hosts[$0].awayAt == nil }
        let going = wave.filter { hosts[$0].isGoingBack }
        let awaited = going.filter { hosts[$0].awayAt == nil }
        let isProved = plan.urgency.isEmergency || wave.contains { hosts[$0].wayBack == .back(wasOrdered: true) }
        // Hosts that never said a word have hardly anything to go back from: they prove nothing and come last.
        let real = ready.filter { !hosts[$0].hardly }
        // The side that has the traffic waits for the other to be back.
        if !isProved, let newest = real.map({ hosts[$0].phase }).max(), !hasTraffic(newest) {
            guard awaited.isEmpty else { return false }
            return orderBack(real.filter { hosts[$0].phase == newest }, 1, at: now)
        }
        if !isProved, awaited.contains(where: { !hosts[$0].hardly }) { return false }
        guard let newest = (ready + awaited).map({ hosts[$0].phase }).max(), !hasTraffic(newest) else { return false }
        let places = atOnce(newest) - going.count { hosts[$0].phase == newest }
        return orderBack(ready.filter { hosts[$0].phase == newest }, places, at: now)
    }

    /// As many as have room; where nothing is under way, one goes all the same: a back-out never waits for who is down.
    private mutating func orderBack(_ places: [Int], _ count: Int, at now: UTCInstant) -> Bool {
        var left = count
        for place in places where left > 0 && hasRoom(hosts[place]) {
            hosts[place].wayBack = .ordered(at: now, hasBegun: false)
            left -= 1
        }
        if left < count { return true }
        guard count > 0, let first = places.first, !hosts.contains(where: \.isBusy) else { return false }
        hosts[first].wayBack = .ordered(at: now, hasBegun: false)
        return true
    }
}
