import ReleaseDefinition

/// What the engine decides by itself: trips, gates, bakes, the ends of halts and back-outs.
extension Rollout {
    func verdict(at now: UTCInstant) -> [RolloutFact] {
        switch state {
        case .planned: []
        case .ended: earlyLifeVerdict(at: now)
        case .running(let phase):
            first(trip(phase, isHalted: false), passIfDone(phase, at: now))
        case .baking(let phase, let until):
            first(trip(phase, isHalted: false), now >= until ? leave(phase, at: now) : [])
        case .paused(let held):
            first(
                trip(held, isHalted: false),
                now >= held.since + RolloutClocks.pauseMax
                    ? [.halted(reason: StatusReason(.pausedTooLong, "It was paused for \(RolloutClocks.pauseMax)."))]
                    : [])
        case .halted(let held):
            first(trip(held, isHalted: true), haltClock(held, at: now))
        case .stopping(let reason):
            isQuiet ? [.ended(.stopped(reason))] : []
        case .backingOut(let backOut):
            first(backOutTrip(backOut), isQuiet ? [.ended(.backedOut(backOut.reason))] : [])
        }
    }

    private func first(_ one: [RolloutFact], _ other: @autoclosure () -> [RolloutFact]) -> [RolloutFact] {
        one.isEmpty ? other() : one
    }

    /// Nothing is under way on any host, and no back-out is waiting for its turn.
    private var isQuiet: Bool {
        hosts.statistics.allSatisfy { $0.unfinished == 0 } && !isSwitchingTraffic
    }

    private func haltClock(_ halt: RolloutState.Interruption, at now: UTCInstant) -> [RolloutFact] {
        if now >= halt.since + RolloutClocks.haltMax {
            let reason = StatusReason(
                .unattended, "Nobody decided within \(RolloutClocks.haltMax) of the halt: \(halt.reason.text)")
            if case .backingOut = halt.of { return [.ended(.failed(backOutGivenUp(reason)))] }
            return [.stopping(reason: reason)]
        }
        return now >= halt.since + RolloutClocks.haltReminder * Int64(halt.reminders + 1) ? [.haltReminded] : []
    }

    // MARK: trips

    private func trip(_ held: RolloutState.Interruption, isHalted: Bool) -> [RolloutFact] {
        switch held.of {
        case .running(let phase), .baking(let phase, _): trip(phase, isHalted: isHalted)
        case .backingOut(let backOut): isHalted ? [] : backOutTrip(backOut)
        }
    }

    /// Whether a limit is crossed. A halted rollout still trips into a back-out: of two hosts that fail at the same
    /// time, the report that comes second must not depend on that.
    private func trip(_ phase: Int, isHalted: Bool) -> [RolloutFact] {
        guard let gate = gate(phase) else { return [] }
        let tally = gate.tally
        if tally.newFailures > gate.failuresAllowed, let phasePlan = phasePlan(phase) {
            let reason = StatusReason(
                .failuresOverTolerance,
                "\(tally.newFailures.of("host")) of \(tally.denominator) in \(phasePlan.name) failed, "
                    + "\(gate.failuresAllowed) allowed.")
            return failureTrip(reason, failures: tally.newFailures, kind: phasePlan.kind, isHalted: isHalted)
        }
        if let total = rolloutFailures, total.failures > total.allowed, let phasePlan = phasePlan(phase) {
            let reason = StatusReason(
                .rolloutFailuresOverTolerance,
                "\(total.failures.of("host")) of \(total.denominator) in the whole rollout failed, "
                    + "\(total.allowed) allowed.")
            return failureTrip(reason, failures: total.failures, kind: phasePlan.kind, isHalted: isHalted)
        }
        if isHalted { return [] }
        return (tripOfEarlierPhase(than: phase) ?? tripOfSchedule(tally) ?? tripOfReach(gate, phase)).map {
            [.halted(reason: $0)]
        }
            ?? []
    }

    private func failureTrip(
        _ reason: StatusReason, failures: Int, kind: PhaseKind, isHalted: Bool
    ) -> [RolloutFact] {
        let scope = plan?.definition.backOut ?? .phase
        // What cannot be taken back is not tried by itself: people decide.
        if isIrreversible { return isHalted ? [] : [.halted(reason: reason)] }
        // Small fleets: one host is not yet a pattern, it is backed out alone and people decide. A pilot is one host.
        if scope == .host || (!kind.standsForAll && failures < 2) {
            if isHalted { return [] }
            guard failures == 1, !kind.standsForAll else { return [.halted(reason: reason)] }
            return [.halted(reason: StatusReason(.oneHostFailed, reason.text))]
        }
        return [.backOutStarted(scope: scope, phase: phase, reason: reason)]
    }

    /// The limit of the whole rollout holds beside the phases' own where the definition gives one; the smaller wins.
    private var rolloutFailures: (failures: Int, allowed: Int, denominator: Int)? {
        guard let plan = frozen?.value, let tolerance = plan.definition.limits.failureTolerance else { return nil }
        let tally = hosts.statistics.prefix(plan.phases.count).reduce(PhaseTally()) { $0 + $1.tally }
        return (tally.newFailures, tolerance.allowed(of: tally.denominator), tally.denominator)
    }

    /// A phase that had passed turns bad: what came after it stood on it, so people decide.
    private func tripOfEarlierPhase(than phase: Int) -> StatusReason? {
        for earlier in 0..<phase {
            guard let gate = gate(earlier), let name = phasePlan(earlier)?.name else { continue }
            guard gate.tally.newFailures > gate.failuresAllowed else { continue }
            return StatusReason(
                .failuresOverTolerance,
                "\(gate.tally.newFailures.of("host")) of \(gate.tally.denominator) in \(name), which had passed, "
                    + "failed since, \(gate.failuresAllowed) allowed.")
        }
        return nil
    }

    private func tripOfReach(_ gate: PhaseGate, _ phase: Int) -> StatusReason? {
        let tally = gate.tally
        var name: String { phasePlan(phase)?.name ?? "a phase" }
        if tally.newSkipped > tally.skippedAllowed {
            return StatusReason(
                .tooManySkipped,
                "\(tally.newSkipped.of("host")) of \(tally.total) in \(name) were skipped, "
                    + "\(tally.skippedAllowed) allowed.")
        }
        if tally.denominator == 0, tally.acknowledged == 0 {
            return StatusReason(.phaseWithoutHosts, "No host of \(name) is left to judge it by.")
        }
        if tally.newUnreached > gate.offlineAllowed {
            return StatusReason(
                .insufficientReach,
                "Insufficient reach: \(tally.newUnreached.of("host")) of \(tally.denominator) in \(name) "
                    + "could not be reached or made ready, \(gate.offlineAllowed) allowed (limits.offlineTolerance).")
        }
        if let stuck = hosts.stuckByGroup(through: phase) {
            return StatusReason(
                .groupUnavailable,
                "\(stuck.of("host")) of \(name) wait for others with the same \(hosts.groupLabel) that are down or may be."
            )
        }
        if tally.successes + tally.open < gate.successesRequired {
            return StatusReason(
                .requiredSuccessesOutOfReach,
                "\(name) has \(tally.successes) successes and \(tally.open) hosts to go, "
                    + "\(gate.successesRequired) successes are required.")
        }
        return nil
    }

    // MARK: gates

    /// Called when nothing trips: with no host to go, the required successes are there and every budget is kept.
    private func passIfDone(_ phase: Int, at now: UTCInstant) -> [RolloutFact] {
        guard let gate = gate(phase), gate.tally.open == 0, let phasePlan = phasePlan(phase) else { return [] }
        if phasePlan.kind == .pilot, gate.tally.succeeded == 0, !isPilotWaived {
            let reason = StatusReason(
                .pilotWithoutSuccess,
                "No host of \(phasePlan.name) really took the release: \(gate.tally.alreadyCurrent) of "
                    + "\(gate.tally.total) had it already.")
            return [.halted(reason: reason)]
        }
        return phasePlan.bake > .zero
            ? [.bakeStarted(phase: phase, until: now + phasePlan.bake)]
            : leave(phase, at: now)
    }

    private func leave(_ phase: Int, at now: UTCInstant) -> [RolloutFact] {
        if let held = gateHold(phase, at: now) { return held }
        let isLast = phasePlan(phase + 1) == nil
        if !isLast, let plan = phasePlan(phase), plan.promotion == .manual, promoted != phase {
            return [.paused(reason: StatusReason(.awaitsPromotion, "\(plan.name) is done and waits to be promoted."))]
        }
        guard !isLast, let plan else { return [.phasePassed(phase: phase), .ended(.succeeded)] }
        return [.phasePassed(phase: phase)] + begin(phase + 1, of: plan)
    }

    // MARK: back-outs

    /// Semantics 5: more failed back-outs than the tolerance stop the wave; it is probably not the release.
    private func backOutTrip(_ backOut: RolloutState.BackOut) -> [RolloutFact] {
        let wave = self.wave(backOut)
        let failed = wave.reduce(0) { $0 + $1.backOut.failed }
        let covered = wave.reduce(0) { $0 + $1.backOut.hosts }
        let allowed = phasePlan(backOut.phase)?.failureTolerance.allowed(of: covered) ?? 0
        guard failed > allowed else { return [] }
        return [
            .halted(
                reason: StatusReason(
                    .backOutFailures,
                    "\(failed.of("host")) of \(covered) could not be backed out, \(allowed) allowed. "
                        + "It is probably not the release."))
        ]
    }

    /// Semantics 5: host failure → host. Most hosts have backed out by themselves; these may still run it.
    func backOutsOfFailedHosts(at now: UTCInstant) -> [RolloutFact] {
        switch state {
        case .running, .baking, .paused, .halted, .stopping: break
        case .ended: guard earlyLife.failures > 0, isInEarlyLife(at: now) else { return [] }
        // Backing out covers its hosts itself.
        case .planned, .backingOut: return []
        }
        let failed = hosts.failedToTakeBack.filter { !holdsMigration($0) }
        guard !failed.isEmpty, !isIrreversible else { return [] }
        let reason = StatusReason(.oneHostFailed, "\(failed.count.of("host")) failed and may still run the release.")
        return [.hostBackOutStarted(hosts: failed, reason: reason)]
    }
}
