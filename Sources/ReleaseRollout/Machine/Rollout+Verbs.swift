import ReleaseDefinition

/// What people want (semantics 4 and 5). A verb that has happened already is answered with no events; one that does not
/// fit is refused.
extension Rollout {
    func start(_ plan: RolloutPlan, by: String) throws(RolloutError) -> [RolloutFact] {
        guard self.plan == nil else {
            if self.plan == plan { return [] }
            throw RolloutError(
                code: "verb.alreadyStarted", summary: "\(description) cannot be started again with another plan.",
                remedy: "Start a rollout of its own for the new plan.")
        }
        guard !plan.phases.isEmpty, plan.phases.allSatisfy({ !$0.hosts.isEmpty }) else {
            throw RolloutError(
                code: "plan.noHosts", summary: "Rollout \(plan.id) has a phase without hosts.",
                remedy: "Make the plan with RolloutPlan.make.")
        }
        let started = RolloutFact.started(plan: plan, by: by)
        // A pilot with nothing to take proves nothing; a rollout with nothing to do needs no proof.
        if plan.hasNothingToDo { return [started, .nothingToDo, .ended(.succeeded)] }
        return [started] + begin(0, of: plan)
    }

    /// A phase's start, with those that are left out of it.
    func begin(_ phase: Int, of plan: RolloutPlan) -> [RolloutFact] {
        let unhealthy = plan.definition.limits.unhealthyBefore == .skip
        let skipped = unhealthy ? plan.phases[phase].hosts.filter { $0.isUnhealthy == true } : []
        return [.phaseStarted(phase: phase)] + skipped.map { Self.skip($0.id, "it was unhealthy before") }
    }

    private static func skip(_ host: HostID, _ why: String) -> RolloutFact {
        .hostEnded(HostEnding(host: host, action: .install, outcome: .skipped(why), source: .engine))
    }

    /// The way out for a host that is not where anybody told it to be.
    private static let stuck =
        " One that could not go back is mended and unlocked there (slipway hosts why HOST RELEASE says how); then it takes "
        + "the next release."

    func retry(_ ids: [HostID], by: String, reason: String) throws(RolloutError) -> [RolloutFact] {
        guard isUnderWay else { throw refusal("retried", remedy: "Hosts are retried while it is under way.") }
        try checkHosts(
            ids, "retried", remedy: "Only hosts that failed or were not reached can be." + Self.stuck
        ) {
            [.failed, .unreached].contains($0.verdict) && $0.canRetry
        }
        return [.hostsRetried(hosts: ids, by: by, reason: reason)]
    }

    func skip(_ ids: [HostID], by: String, reason: String) throws(RolloutError) -> [RolloutFact] {
        guard isUnderWay else { throw refusal("changed", remedy: "Hosts are skipped while it is under way.") }
        let wanted = ids.filter { id in
            if case .ended(.skipped) = record(id)?.install { false } else { true }
        }
        try checkHosts(wanted, "skipped", remedy: "Only hosts that have not begun, or were not reached, can be.") {
            host in
            switch host.install {
            case .waiting, .admitted, .ended(.offline): true
            // What it was offered is taken back.
            case .ordered: host.delivery == .pull
            case .working, .ended: host.verdict == .unreached
            }
        }
        return wanted.map { Self.skip($0, "\(by): \(reason)") }
    }

    private var isUnderWay: Bool {
        switch state {
        case .running, .baking: true
        case .paused, .halted: !isBackingOut
        case .planned, .stopping, .backingOut, .ended: false
        }
    }

    private func checkHosts(
        _ ids: [HostID], _ verb: String, remedy: String, _ isFit: (HostRecord) -> Bool
    ) throws(RolloutError) {
        let unfit = ids.filter { record($0).map(isFit) != true }
        guard let first = unfit.first else { return }
        let state = record(first).map { HostWords($0, phaseName: "its phase", holdsStarts: false).state }
        throw RolloutError(
            code: "verb.host",
            summary: "\(unfit.count) of \(ids.count.of("host")) of \(description) cannot be \(verb): "
                + "\(first) is \(state ?? "not one of its hosts")" + (unfit.count > 1 ? ", and others." : "."),
            remedy: remedy)
    }

    func pause(_ reason: StatusReason) throws(RolloutError) -> [RolloutFact] {
        switch state {
        case .running, .baking, .backingOut: return [.paused(reason: reason)]
        // The engine's own pause, which waits for a person, is not a person's.
        case .paused(let held): return held.reason.by == nil ? [.paused(reason: reason)] : []
        case .ended where isContinuous, .halted where isContinuous: return holdChannel(reason)
        case .planned, .halted, .stopping, .ended: throw refusal("paused", remedy: "No new host starts as it is.")
        }
    }

    func halt(_ reason: StatusReason) throws(RolloutError) -> [RolloutFact] {
        switch state {
        case .running, .baking, .backingOut, .paused: return [.halted(reason: reason)]
        case .ended where isContinuous, .halted where isContinuous: return holdChannel(reason)
        case .halted: return []
        case .planned, .stopping, .ended: throw refusal("halted", remedy: "No new host starts as it is.")
        }
    }

    func resume(by: String, reason: String) throws(RolloutError) -> [RolloutFact] {
        switch state {
        case .paused where isPausedForPromotion:
            throw refusal(
                "resumed", remedy: "A phase is done and waits to be promoted: slipway rollout promote \(id)")
        case .paused, .halted: return [.resumed(by: by, reason: reason)]
        case .ended where channelHold != nil, .running where channelHold != nil, .baking where channelHold != nil:
            return [.channelReleased(by: by, reason: reason)]
        case .planned, .running, .baking, .stopping, .backingOut, .ended:
            throw refusal("resumed", remedy: "Only a paused or halted rollout can be.")
        }
    }

    func promote(by: String, reason: String) throws(RolloutError) -> [RolloutFact] {
        if isHeldByGate {
            return [.gatesWaived(phase: phase, by: by, reason: reason)] + (try resume(by: by, reason: reason))
        }
        guard awaitsPromotion else {
            throw refusal("promoted", remedy: "Only a rollout that waits for it after a phase can be.")
        }
        if case .paused(let held) = state, let person = held.reason.by {
            throw refusal(
                "promoted",
                remedy:
                    "\(person) paused it while it waited: resume it first (slipway rollout resume \(id) --reason …).")
        }
        return [.promoted(phase: phase, by: by, reason: reason)]
    }

    /// The engine's pause after a phase with manual promotion, and nobody's but its.
    var isPausedForPromotion: Bool {
        if case .paused(let held) = state { held.reason.code == .awaitsPromotion } else { false }
    }

    /// Semantics 4: everything in scope but back-outs. What stands or ends already needs no halt.
    func freeze(_ reason: StatusReason) -> [RolloutFact] {
        switch state {
        case .running, .baking: [.halted(reason: reason)]
        case .paused(let held): if case .backingOut = held.of { [] } else { [.halted(reason: reason)] }
        case .planned, .halted, .stopping, .backingOut, .ended: []
        }
    }

    func stop(_ reason: StatusReason, verb: String) throws(RolloutError) -> [RolloutFact] {
        switch state {
        case .running, .baking: return [.stopping(reason: reason)]
        case .paused(let held), .halted(let held):
            // A back-out that is given up is no success of any kind.
            if case .backingOut = held.of { return [.ended(.failed(backOutGivenUp(reason)))] }
            return [.stopping(reason: reason)]
        case .stopping: return []
        case .backingOut:
            throw refusal(verb, remedy: "Let the back-out end, or pause it first if it has to be left half done.")
        case .ended where isContinuous && reason.code == .operatorStopped: return holdChannel(reason)
        case .planned, .ended: throw refusal(verb, remedy: "There is nothing to stop.")
        }
    }

    func backOutGivenUp(_ reason: StatusReason) -> StatusReason {
        let left = hosts.count { $0.backOut != nil && $0.backOutSucceeded != true }
        return StatusReason(
            .backOutIncomplete, "The back-out was left with \(left) hosts not backed out: \(reason.text)", by: reason.by
        )
    }

    func abort(_ target: BackOutTarget, _ reason: StatusReason) throws(RolloutError) -> [RolloutFact] {
        guard case .hosts = target else { return try startBackOut(target, reason) }
        guard !isBackingOut else { throw refusal("aborted", remedy: "It is being backed out.") }
        return try stop(reason, verb: "aborted") + startBackOut(target, reason)
    }

    /// Also where that is paused or halted.
    public var isBackingOut: Bool {
        switch state {
        case .backingOut: true
        case .paused(let held), .halted(let held): if case .backingOut = held.of { true } else { false }
        case .planned, .running, .baking, .stopping, .ended: false
        }
    }

    func startBackOut(_ target: BackOutTarget, _ reason: StatusReason) throws(RolloutError) -> [RolloutFact] {
        guard plan != nil else { throw refusal("backed out", remedy: "It was not started.") }
        if let successor, isRetired {
            // Never cascade to older releases: whoever has the hosts now decides.
            throw RolloutError(
                code: "verb.superseded",
                summary: "\(description) cannot be backed out: rollout \(successor) has its hosts.",
                remedy:
                    "Back out rollout \(successor) instead. Hosts that it left on this release can be backed out here once "
                    + "no rollout under way has them: slipway doctor names them.")
        }
        switch target {
        case .hosts(let ids): return try backOutHosts(ids, reason)
        case .phase: return try backOutWave(.phase, reason)
        case .rollout: return try backOutWave(.rollout, reason)
        }
    }

    private func backOutHosts(_ ids: [HostID], _ reason: StatusReason) throws(RolloutError) -> [RolloutFact] {
        let wanted = ids.filter { record($0)?.backOut == nil }
        // All of them are being backed out, or were: said twice.
        if wanted.isEmpty, !ids.isEmpty { return [] }
        let unable = wanted.filter { record($0)?.canBackOut != true || holdsMigration($0) }
        guard unable.isEmpty, !wanted.isEmpty else {
            throw RolloutError(
                code: "verb.nothingToBackOut",
                summary: "\(unable.count) of \(ids.count.of("host")) cannot be backed out of \(description): "
                    + unable.prefix(10).map(\.text).joined(separator: ", "),
                remedy:
                    "Only hosts on which this rollout has ended and to which it brought the release can be; one that ran a "
                    + "migration goes back last, with the whole rollout." + Self.stuck + remedyOfOthers)
        }
        return [.hostBackOutStarted(hosts: wanted, reason: reason)]
    }

    private func backOutWave(_ scope: BackOutScope, _ reason: StatusReason) throws(RolloutError) -> [RolloutFact] {
        let wave = RolloutState.BackOut(scope: scope, phase: phase, reason: reason)
        // In progress, and no narrower than what is wanted.
        if case .backingOut(let current) = state, current.scope == .rollout || scope == .phase { return [] }
        if isOver {
            let concerns = hosts.contains { host in
                wave.covers(phase: host.phase)
                    && (host.canBackOut || host.install.isInFlight || host.backOutSucceeded == false)
            }
            guard concerns else {
                throw RolloutError(
                    code: "verb.nothingToBackOut", summary: "\(description): 0 hosts have its release from it.",
                    remedy: "Nothing is left to do here; `rollout show` lists what each host runs." + remedyOfOthers)
            }
        }
        return [.backOutStarted(scope: scope, phase: phase, reason: reason)]
    }

    func supersede(by rollout: RolloutID) throws(RolloutError) -> [RolloutFact] {
        guard let plan, plan.id != rollout, !isRetired else { return [] }
        // A back-out is finished in any case, also for hosts that come back later: those that the newer rollout does not
        // mean would be left on a release that was found bad. Those that run the newer one answer `alreadyCurrent`.
        return isBackingOut || backOut != nil ? [] : [.superseded(by: rollout)]
    }

    /// Who had the release before this rollout has it from another.
    private var remedyOfOthers: String {
        let count = hosts.count { $0.presence == .before }
        guard count > 0 else { return "" }
        return
            " \(count.of("host")) had it before: slipway doctor names the rollout that brought it, where it was revoked."
    }

    func refusal(_ verb: String, remedy: String) -> RolloutError {
        RolloutError(
            code: "verb.notPossible", summary: "\(description) is \(stateName): it cannot be \(verb).", remedy: remedy)
    }

    private var id: String { plan?.id.text ?? "ID" }

    var description: String { plan.map { "Rollout \($0.id) of \($0.definition.release)" } ?? "The rollout" }
}
