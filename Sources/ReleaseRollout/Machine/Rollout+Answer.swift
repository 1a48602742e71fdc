import AgentProtocol
import ReleaseDefinition

extension Rollout {
    /// The facts of the command itself, before what follows from them.
    func answer(_ command: RolloutCommand, at now: UTCInstant) throws(RolloutError) -> [RolloutFact] {
        switch command {
        case .start(let plan, let by): return try start(plan, by: by)
        case .orderSent(let host, let order): return orderSent(host, order)
        case .channelPublished(let view):
            // The same again, or the word of another rollout.
            return view.order.rollout == frozen?.value.id && view != publishedChannel
                ? [.channelPublished(view: view)] : []
        case .cancelSent(let host, let order):
            guard record(host, for: order)?.cancelling == .wanted else { return [] }
            return [.cancelSent(host: host, order: order)]
        case .revocationPublished: return revocation == .wanted ? [.revocationPublished] : []
        case .gateJudged(let gate, let phase, let round, let judgement):
            return gateJudged(gate, phase: phase, round: round, judgement)
        case .controllerReturned: return controllerReturned()
        case .progress(let host, let progress): return self.progress(host, progress)
        case .outcome(let host, let outcome): return self.outcome(host, outcome)
        case .health(let host, let health, let others): return self.health(host, health, others, at: now)
        case .contact(let host, let contact): return self.contact(host, contact)
        case .gone(let host): return gone(host)
        case .joined(let host): return joined(host)
        case .trafficBegun(let order): return trafficBegun(order)
        case .trafficAnswered(let order, let succeeded, let detail):
            return trafficAnswered(order, succeeded: succeeded, detail)
        case .tick: return []
        case .pause(let by, let reason): return try pause(StatusReason(.operatorPaused, reason, by: by))
        case .halt(let by, let reason): return try halt(StatusReason(.operatorHalted, reason, by: by))
        case .resume(let by, let reason): return try resume(by: by, reason: reason)
        case .retry(let hosts, let by, let reason): return try retry(hosts, by: by, reason: reason)
        case .skip(let hosts, let by, let reason): return try skip(hosts, by: by, reason: reason)
        case .promote(let by, let reason): return try promote(by: by, reason: reason)
        case .freeze(let by, let reason): return freeze(StatusReason(.operatorFroze, reason, by: by))
        case .stop(let by, let reason): return try stop(StatusReason(.operatorStopped, reason, by: by), verb: "stopped")
        case .abort(.keep, let by, let reason):
            return try stop(StatusReason(.operatorAborted, reason, by: by), verb: "aborted")
        case .abort(.backOut(let target), let by, let reason):
            guard !isOver else { throw refusal("aborted", remedy: "Back it out instead, if its release has to go.") }
            return try abort(target, StatusReason(.operatorAborted, reason, by: by))
        case .backOut(let target, let by, let reason):
            return try startBackOut(target, StatusReason(.operatorBackedOut, reason, by: by))
        case .supersede(let by): return try supersede(by: by)
        case .reclaim(let hosts): return reclaim(hosts)
        }
    }

    /// The host's record, if the order is one of this rollout and not an older attempt than the current one.
    private func record(_ host: HostID, for order: OrderID) -> HostRecord? {
        guard let frozen, order.rollout == frozen.value.id, let record = record(host), !isRetired else { return nil }
        let attempt = order.action == .install ? record.installAttempt : record.backOutAttempt
        return order.attempt >= attempt ? record : nil
    }

    private func orderSent(_ host: HostID, _ order: OrderID) -> [RolloutFact] {
        guard let record = record(host, for: order), record.delivery == .push else { return [] }
        switch order.action {
        case .install:
            switch record.install {
            // Waiting or cancelled: a pause or a stop came while the order was on its way; the host has it all the same.
            case .waiting, .admitted, .ended(.cancelled): return [.orderSent(host: host, order: order)]
            // Sent again at a reconnect, or recorded after the host's own word overtook it, or after its deadline.
            case .ordered, .working, .ended: return []
            }
        case .backOut:
            switch record.backOut {
            case .waiting, .admitted: return [.orderSent(host: host, order: order)]
            case .ordered, .working, .ended, nil: return []
            }
        }
    }

    private func progress(_ host: HostID, _ progress: OrderProgress) -> [RolloutFact] {
        guard let record = record(host, for: progress.order) else { return [] }
        return self.progress(record, progress).map { [$0] } ?? []
    }

    private func progress(_ record: HostRecord, _ progress: OrderProgress) -> RolloutFact? {
        let host = record.id
        let state = progress.order.action == .install ? record.install : record.backOut
        // After its first stop nothing holds a host any more.
        let mayHold = progress.order.action == .install && progress.step.ordinal < InstallationStep.stopping.ordinal
        let heldUntil = mayHold ? progress.heldUntil : nil
        let fact = RolloutFact.hostProgressed(
            host: host, action: progress.order.action, step: progress.step, heldUntil: heldUntil)
        switch state {
        // The first step overtook `orderSent`; or it was out of contact or cancelled, and had begun all the same.
        case .waiting, .admitted, .ordered, .ended(.offline), .ended(.cancelled):
            let hasWord = progress.order.action == .install ? record.hasInstallWord : record.hasBackOutWord
            return hasWord ? nil : fact
        // Steps never go back: a report that was sent twice did. A host that is held, and then for longer, stays where it is.
        case .working(let step, let since):
            if step == progress.step, let heldUntil { return since < heldUntil ? fact : nil }
            return step.ordinal < progress.step.ordinal ? fact : nil
        // Reports after the outcome are old ones; a back-out that nobody ordered is judged by its outcome.
        case .ended, nil: return nil
        }
    }

    /// One more step of an order that is out moves nothing but the host's own clock: what follows from the state alone has
    /// followed already. That makes most reports cheap.
    /// - Returns: nil: the whole way is to be gone; else the fact, or none.
    func inCourse(_ host: HostID, _ progress: OrderProgress, at now: UTCInstant) -> RolloutFact?? {
        if let next = nextDeadlineAt, next <= now { return nil }
        guard let frozen, let record = record(host, for: progress.order), record.cancelling == .no else { return nil }
        switch progress.order.action == .install ? record.install : record.backOut {
        case .ordered(let since), .working(_, let since):
            // A host that has begun has another deadline, which may have passed.
            guard now < since + frozen.value.definition.limits.progressDeadline else { return nil }
            return .some(self.progress(record, progress))
        case .waiting, .admitted, .ended, nil: return nil
        }
    }

    private func outcome(_ host: HostID, _ outcome: OrderOutcome) -> [RolloutFact] {
        guard let record = record(host, for: outcome.order) else { return [] }
        let action = outcome.order.action
        // A host speaks once on each order; what comes again was not acknowledged in time.
        let isNewer = isNewerOfChannel(outcome.order, record)
        guard isNewer || !(action == .install ? record.hasInstallWord : record.hasBackOutWord) else { return [] }
        return [
            .hostEnded(
                HostEnding(
                    host: host, action: action, outcome: outcome.outcome, source: .host,
                    running: outcome.running?.release, step: outcome.evidence?.step, error: outcome.evidence?.error,
                    wasUnhealthy: outcome.unhealthyBefore.map { _ in true },
                    attempt: isNewer ? outcome.order.attempt : nil))
        ]
    }

    /// A pulling host that was at an older order hears the channel's newer one too, and carries it out as well. Also where
    /// the word on the newer one overtook the other: it may come again.
    private func isNewerOfChannel(_ order: OrderID, _ record: HostRecord) -> Bool {
        order.action == .install && record.delivery == .pull && order.attempt > record.installAttempt
    }

    /// A host that had succeeded and does not stay healthy is a failure while anybody is watching.
    private func health(
        _ host: HostID, _ health: ProductHealth, _ others: OtherHosts?, at now: UTCInstant
    ) -> [RolloutFact] {
        guard !health.running.isHealthy, health.running.release == plan?.definition.release,
            health.running.manifest == plan?.manifest, let record = record(host), record.verdict == .succeeded
        else { return [] }
        switch state {
        case .running, .baking, .paused, .halted, .stopping: return [.hostUnhealthy(host: host, detail: health.detail)]
        case .ended:
            return isInEarlyLife(at: now) ? [.hostUnhealthy(host: host, detail: health.detail, others: others)] : []
        // Being backed out already.
        case .planned, .backingOut: return []
        }
    }

    private func contact(_ host: HostID, _ contact: HostContact) -> [RolloutFact] {
        guard let record = record(host), record.delivery == .push, record.contact != contact, !isRetired else {
            return []
        }
        var facts = [RolloutFact.contactChanged(host: host, contact: contact)]
        guard contact == .online, record.returns < HostRecord.returnsMax else { return facts }
        // Semantics 2: a catch-up order stands. It takes its turn, so that many who come back do not all stop at once.
        if record.backOut == .ended(.offline) {
            facts.append(.hostReturned(host: host, action: .backOut))
        } else if record.isAbsentForNow, record.backOut == nil, catchesUp {
            facts.append(.hostReturned(host: host, action: .install))
        }
        return facts
    }

    /// Whether a host that comes back gets the order that it was not reached with.
    var catchesUp: Bool {
        guard successor == nil else { return false }
        switch state {
        case .running, .baking, .ended(.succeeded, _): return true
        // What was held goes on; a back-out that is held starts nobody.
        case .paused(let held), .halted(let held): if case .backingOut = held.of { return false } else { return true }
        case .planned, .stopping, .backingOut, .ended: return false
        }
    }

    private func gone(_ host: HostID) -> [RolloutFact] {
        guard let record = record(host), !isRetired else { return [] }
        let left = { (action: OrderAction) in
            RolloutFact.hostEnded(HostEnding(host: host, action: action, outcome: .gone, source: .engine))
        }
        var facts: [RolloutFact] = []
        switch record.install {
        case .waiting, .admitted, .ordered, .working: facts.append(left(.install))
        // What it had said before it left stands; what a deadline said does not.
        case .ended(.offline) where !record.hasInstallWord, .ended(.failed(.lost)) where !record.hasInstallWord:
            facts.append(left(.install))
        case .ended: break
        }
        // Nothing is left to be taken back.
        if let backOut = record.backOut, !backOut.isEnded || backOut == .ended(.offline) {
            facts.append(left(.backOut))
        }
        return facts
    }

    private func controllerReturned() -> [RolloutFact] {
        guard plan != nil, !isRetired else { return [] }
        let concerns = hosts.contains { $0.install.isOpen || $0.backOut?.isOpen == true || $0.contact != nil }
        return concerns || !isOver ? [.clocksRestarted] : []
    }
}

extension HostRecord {
    /// It may come back, and has said nothing about its order.
    var isAbsentForNow: Bool {
        install == .ended(.offline) || isEphemeral && install == .ended(.gone) && !hasInstallWord
    }
}

extension InstallationStep {
    /// Its place in the course of an order.
    var ordinal: Int {
        switch self {
        case .received: 0
        case .verified: 1
        case .preflight: 2
        case .staged: 3
        case .stopping: 4
        case .switched: 5
        case .starting: 6
        case .checking: 7
        case .committed: 8
        case .backingOut: 9
        case .backedOut: 10
        case .backOutFailed: 11
        }
    }
}
