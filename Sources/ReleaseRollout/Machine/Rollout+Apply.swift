import AgentProtocol
import ReleaseDefinition

extension Rollout {
    /// Takes a fact in. Facts are not judged again: `decide` made them.
    public mutating func apply(_ event: RolloutEvent) {
        let at = event.at
        defer { hosts.setClocks(startsHosts: startsHosts, backsOut: backsOut) }
        noteChannelHold(event.fact)
        switch event.fact {
        case .started(let plan, let by): start(plan, by: by, at: at)
        case .phaseStarted(let phase): startPhase(phase, at: at)
        case .bakeStarted(let phase, let until): state = .baking(phase: phase, until: until)
        case .phasePassed: break
        case .gatesAsked(let phase, let round, let until):
            gateRound = GateRound(phase: phase, number: round, until: until)
        case .gateJudged(_, let gate, _, let judgement): gateRound?.verdicts[gate] = judgement
        case .gatesWaived(let phase, _, _): gatesWaived = phase
        case .paused(let reason):
            // A person's pause on top of it is a pause of its own: it still waits when that is over.
            awaitsPromotion = reason.code == .awaitsPromotion || awaitsPromotion && reason.by != nil
            hold(at: at, reason) { .paused($0) }
        case .halted(let reason):
            // Nobody promoted it in a day: that can still be done. What turned bad, or a person held, is looked at first.
            awaitsPromotion = awaitsPromotion && reason.code == .pausedTooLong && isPausedForPromotion
            hold(at: at, reason) { .halted($0) }
        case .haltReminded: remind(at: at)
        case .resumed: resume(at: at)
        case .promoted(let phase, _, _):
            promoted = phase
            resume(at: at)
        case .stopping(let reason):
            cancelStarts(at: at)
            state = .stopping(reason)
        case .backOutStarted(let scope, let phase, let reason):
            startBackOut(.init(scope: scope, phase: phase, reason: reason), at: at)
        case .ended(let end): self.end(end, at: at)
        case .startsOpened(let until): schedule = StartSchedule(isShut: false, nextAt: until)
        case .startsShut(let next): shut(next: next, at: at)
        case .hostJoined(let host): join(host, at: at)
        case .hostFound(let host): find(host, at: at)
        case .trafficSwitching, .trafficBegun, .trafficSwitched, .trafficWatched, .trafficFailed:
            applyTraffic(event.fact, at: at)
        case .nothingToDo: noteNothingToDo()
        case .hostsRetried(let ids, _, _): for id in ids { update(id) { $0.retryInstall(at: at) } }
        case .silentAdmitted: admitsSilent = true
        case .earlyLifePaged: earlyLife.isPaged = true
        case .superseded(let by):
            successor = by
            reclaims = false
            cancelStarts(at: at)
            if !isOver { end(.superseded(by: by), at: at) }
        case .hostsReclaimed(let ids): takeOver(ids)
        case .channelHeld, .channelReleased: break
        case .revocationPublished: revocation = .published
        case .channelPublished(let view): publish(view, at: at)
        case .clocksRestarted:
            restartClocks(at: at)
            applyTraffic(event.fact, at: at)
        case .hostUnhealthy(_, _, let others) where isOver:
            earlyLife.failures += 1
            earlyLife.others = others
            applyToHost(event.fact, at: at)
        case .hostAdmitted, .orderSent, .cancelSent, .hostProgressed, .hostEnded, .hostUnhealthy, .contactChanged,
            .hostReturned,
            .hostBackOutStarted:
            applyToHost(event.fact, at: at)
        }
    }

    private mutating func start(_ plan: RolloutPlan, by: String, at: UTCInstant) {
        frozen = FrozenPlan(plan)
        startedBy = by
        startedAt = at
        hosts = HostTable(plan)
        if plan.starts != nil { schedule = StartSchedule() }
    }

    private mutating func noteNothingToDo() {
        hadNothingToDo = true
        phase = max(0, hosts.phases.count - 1)
        updateAll { $0.install = .ended(.alreadyCurrent) }
    }

    private mutating func startPhase(_ phase: Int, at: UTCInstant) {
        self.phase = phase
        state = .running(phase: phase)
        update(phase: phase) { host in
            if host.install == .waiting(since: nil) { host.install = .waiting(since: at) }
        }
        releaseLate(at: at)
    }

    private mutating func hold(
        at: UTCInstant, _ reason: StatusReason, _ held: (RolloutState.Interruption) -> RolloutState
    ) {
        guard let interrupted = interrupted(at: at) else { return }
        state = held(.init(of: interrupted, reason: reason, since: at))
        // What was admitted and not sent goes back into the queue: no new starts. An order that crosses this on the
        // way is recorded when `orderSent` comes.
        let holdsBackOut = !backsOut
        updateAll { host in
            if host.install.isAdmitted { host.install = .waiting(since: at) }
            if holdsBackOut, host.backOut?.isAdmitted == true { host.backOut = .waiting(since: at) }
        }
    }

    /// What a pause or a halt would interrupt: of a pause, what that interrupted.
    func interrupted(at: UTCInstant) -> RolloutState.Interrupted? {
        switch state {
        case .running(let phase): .running(phase: phase)
        case .baking(let phase, let until): .baking(phase: phase, remaining: max(.zero, until.since(at)))
        case .backingOut(let backOut): .backingOut(backOut)
        case .paused(let held), .halted(let held): held.of
        case .planned, .stopping, .ended: nil
        }
    }

    private mutating func remind(at: UTCInstant) {
        guard case .halted(var halt) = state else { return }
        halt.reminders = Int(clamping: at.since(halt.since).milliseconds / RolloutClocks.haltReminder.milliseconds)
        state = .halted(halt)
    }

    private mutating func resume(at: UTCInstant) {
        awaitsPromotion = false
        endGateRound()
        switch state {
        case .paused(let held): state = resumed(held.of, at: at)
        case .halted(let held):
            acknowledge(held, at: at)
            state = resumed(held.of, at: at)
        case .planned, .running, .baking, .stopping, .backingOut, .ended: break
        }
    }

    private func resumed(_ interrupted: RolloutState.Interrupted, at: UTCInstant) -> RolloutState {
        switch interrupted {
        case .running(let phase): .running(phase: phase)
        case .baking(let phase, let remaining): .baking(phase: phase, until: at + remaining)
        case .backingOut(let backOut): .backingOut(backOut)
        }
    }

    /// Semantics 3: resuming acknowledges what failed so far. Hosts that were not reached are tried once more; if they
    /// fail in the same way again, it does not count again.
    private mutating func acknowledge(_ halt: RolloutState.Interruption, at: UTCInstant) {
        if case .backingOut = halt.of {
            updateAll { $0.retryBackOut(orAcknowledge: true, at: at) }
            return
        }
        if halt.reason.code == .pilotWithoutSuccess,
            members(of: phase).contains(where: { $0.verdict == .alreadyCurrent })
        {
            isPilotWaived = true
        }
        let current = phase
        updateAll { host in
            let verdict = host.verdict
            guard host.phase <= current, [.failed, .unreached, .skipped].contains(verdict) else { return }
            host.acknowledged = verdict
            if verdict == .unreached, host.phase == current { host.retryInstall(at: at) }
        }
    }

    private mutating func startBackOut(_ backOut: RolloutState.BackOut, at: UTCInstant) {
        self.backOut = backOut
        state = .backingOut(backOut)
        if revocation == .none { revocation = .wanted }
        cancelStarts(at: at)
        updateAll { host in
            guard backOut.covers(phase: host.phase) else { return }
            if host.canBackOut { host.backOut = .waiting(since: at) }
            host.retryBackOut(orAcknowledge: false, at: at)
        }
    }

    /// Hosts whose order has not left the controller will not have it; those before their switch are to drop it.
    private mutating func cancelStarts(at: UTCInstant) {
        updateAll { host in
            if host.install.isWaiting || host.install.isAdmitted {
                host.install = .ended(.cancelled)
            } else {
                host.wantCancel(at: at)
            }
        }
    }

    private mutating func end(_ end: RolloutEnd, at: UTCInstant) {
        state = .ended(end, at: at)
        if end == .succeeded { releaseLate(at: at) } else { cancelStarts(at: at) }
    }

    /// The controller was away: whoever was silent meanwhile had nobody to talk to.
    private mutating func restartClocks(at: UTCInstant) {
        if case .baking(let phase, let until) = state, let bake = phasePlan(phase)?.bake {
            state = .baking(phase: phase, until: max(until, at + min(bake, RolloutClocks.bakeAfterReturnMax)))
        }
        updateAll { host in
            host.install.restart(at: at)
            host.backOut?.restart(at: at)
            host.contact = nil
            host.contactSince = nil
            host.cancelAgain()
        }
    }

    mutating func updateAll(_ change: (inout HostRecord) -> Void) {
        hosts.updateAll(nil, change)
    }

    mutating func update(phase: Int, _ change: (inout HostRecord) -> Void) {
        guard hosts.phases.indices.contains(phase) else { return }
        hosts.updateAll(hosts.phases[phase], change)
    }

    mutating func update(_ host: HostID, _ change: (inout HostRecord) -> Void) {
        guard let place = hosts.place(of: host) else { return }
        hosts.update(place, change)
    }
}

extension OrderState {
    fileprivate mutating func restart(at: UTCInstant) {
        switch self {
        case .waiting(since: .some): self = .waiting(since: at)
        case .admitted: self = .admitted(since: at)
        case .ordered: self = .ordered(since: at)
        // One that is held until later still is.
        case .working(let step, let since): self = .working(step, since: max(since, at))
        case .waiting(since: nil), .ended: break
        }
    }
}

extension HostRecord {
    /// Back into the queue. Not while a back-out is under way or has failed; one that is done is over and another would
    /// be a new attempt.
    mutating func retryInstall(at: UTCInstant) {
        if let backOut {
            guard backOut.isEnded, backOutSucceeded != false else { return }
            self.backOut = nil
            backOutAttempt += 1
            hasBackOutWord = false
            wasOrderedBack = false
        }
        // An order that the host has answered is spent; one that never reached it stands.
        if hasInstallWord { installAttempt += 1 }
        hasInstallWord = false
        endCancelling()
        install = .waiting(since: at)
    }

    /// A person wants a failed back-out tried again, as a new attempt, up to the limit; beyond it nothing touches the
    /// host any more.
    fileprivate mutating func retryBackOut(orAcknowledge acknowledges: Bool, at: UTCInstant) {
        guard backOutSucceeded == false else { return }
        if canRetryBackOut {
            backOutRetries += 1
            backOutAttempt += 1
            hasBackOutWord = false
            backOut = .waiting(since: at)
        } else if acknowledges {
            isBackOutFailureAcknowledged = true
        }
    }
}
