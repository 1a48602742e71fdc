import AgentProtocol
import ReleaseDefinition

extension Installation {
    /// What follows from a command in the present state. Stale commands (an action's result after its deadline) answer
    /// nothing: the race between the two is ordinary.
    /// - Throws: `agent.installation.order`: the command cannot come in this state at all.
    public func decide(_ command: InstallationCommand, at now: UTCInstant) throws(AgentError) -> [InstallationEvent] {
        switch command {
        case .done: return try decideDone()
        case .verified(let changes):
            guard case .received = state else { throw impossible("verified") }
            if task.order.action == .backOut { return backOutByOrder(changes) }
            return [.verified(changes: changes)]
        case .prepared(let before):
            guard case .staged = state else { throw impossible("prepared") }
            return [.prepared(before: before)] + (try decideDone())
        case .needsReboot(let boot, let within):
            switch state {
            case .switched(let unit, _): return [.rebooting(unit: unit, boot: boot, within: within)]
            case .backingOut(let backOut):
                guard case .switching(let unit) = backOut.step else { throw impossible("needsReboot") }
                return [.backOutStep(.rebooting(unit: unit, boot: boot, within: within))]
            default: throw impossible("needsReboot")
            }
        case .refused(let outcome):
            guard isBeforeStop else { throw impossible("refused") }
            return [.ended(outcome: outcome, failure: nil)]
        case .failed(let failure): return decideFailed(failure)
        case .tick:
            guard let deadlineAt, deadlineAt <= now else { return [] }
            return decideFailed(lateFailure(deadlineAt))
        case .recover: return decideRecover()
        }
    }

    private func decideDone() throws(AgentError) -> [InstallationEvent] {
        switch state {
        case .received: throw impossible("done")
        case .verified: return [.preflight]
        case .preflight: return [.staged]
        case .staged: return changes.isEmpty ? [.committed] : [.stopping(unit: 0)]
        case .stopping(let unit, _): return [.switched(unit: unit)]
        case .switched(let unit, _):
            return changes.kind(of: unit) == .remove ? [afterUnit(unit)] : [.starting(unit: unit)]
        case .rebooting(let unit, _, _): return [.starting(unit: unit)]
        case .starting(let unit, _): return [.checking(unit: unit)]
        case .checking(let unit, _):
            return [changes.parallel(unit)?.new == nil ? afterUnit(unit) : .takingOver(unit: unit)]
        case .takingOver(let unit, _):
            return [changes.isBeside(unit) ? .draining(unit: unit) : afterUnit(unit)]
        case .draining(let unit, _): return [afterUnit(unit)]
        case .confirming: return [.committed]
        case .committed: return [.ended(outcome: .succeeded, failure: nil)]
        case .backingOut(let backOut):
            if let next = backOut.next(changes) { return [.backOutStep(next)] }
            return [.ended(outcome: outcome(of: backOut), failure: backOut.failure)]
        case .ended: return []
        }
    }

    private func afterUnit(_ unit: Int) -> InstallationEvent {
        if unit + 1 < changes.count { return .stopping(unit: unit + 1) }
        // Nobody was reachable before: nothing can be proved by reaching nobody now.
        return before.peers.isEmpty ? .committed : .confirming
    }

    /// An ordered back-out has nothing to fetch or stage: what it returns to is on the disk, and needs no network
    /// (trust.md, What must hold 3).
    private func backOutByOrder(_ changes: [UnitChange]) -> [InstallationEvent] {
        guard !changes.isEmpty else { return [.ended(outcome: .backedOut(nil), failure: nil)] }
        return [
            .verified(changes: changes),
            .backingOut(failure: nil, unit: changes.count - 1, wasSwitched: true, tookOver: true),
        ]
    }

    private func decideFailed(_ failure: InstallationFailure) -> [InstallationEvent] {
        switch state {
        case .received, .verified, .preflight, .staged:
            return [.ended(outcome: .failed(failure.failureClass), failure: failure)]
        case .stopping(let unit, _):
            if let name = changes.irreversible(upTo: unit - 1) { return [halted(failure, at: name)] }
            return [.backingOut(failure: failure, unit: unit, wasSwitched: false)]
        case .switched(let unit, _), .starting(let unit, _), .checking(let unit, _), .rebooting(let unit, _, _):
            if let name = changes.irreversible(upTo: unit) { return [halted(failure, at: name)] }
            return [.backingOut(failure: failure, unit: unit, wasSwitched: true)]
        case .takingOver(let unit, _), .draining(let unit, _):
            if let name = changes.irreversible(upTo: unit) { return [halted(failure, at: name)] }
            return [.backingOut(failure: failure, unit: unit, wasSwitched: true, tookOver: true)]
        case .confirming:
            let last = changes.count - 1
            if let name = changes.irreversible(upTo: last) { return [halted(failure, at: name)] }
            return [.backingOut(failure: failure, unit: last, wasSwitched: true, tookOver: true)]
        case .committed:
            // Health is proved; what could not be tidied up is tidied up at the next start.
            return [.ended(outcome: .succeeded, failure: nil)]
        case .backingOut(let backOut):
            let error = failure.evidence.error
            if backOut.attempt < Self.backOutAttemptsMax { return [.backOutRetried(error: error)] }
            // Hands off: never back out a back-out. Both errors are kept.
            var kept = backOut.failure ?? failure
            kept.evidence.backOutError = error
            return [.ended(outcome: .backOutFailed, failure: kept)]
        case .ended: return []
        }
    }

    /// Behind a unit that cannot be taken back nothing is restored by itself: a person looks (semantics 5).
    private func halted(_ failure: InstallationFailure, at unit: UnitName) -> InstallationEvent {
        var kept = failure
        kept.evidence.backOutError = ReportedError(
            AgentError(
                code: "backOut.irreversible", summary: "The unit \(unit) was applied and cannot be taken back.",
                remedy: "Correct it on this host or with another release, then unlock the product."))
        return .ended(outcome: .backOutFailed, failure: kept)
    }

    /// The table of semantics 8, for an installation that the journal shows unfinished at a start.
    ///
    /// | found in | what happens |
    /// |---|---|
    /// | received, verified, preflight, staged | staging is dropped, it starts again |
    /// | stopping the first unit | the stop is repeated: the host may be drained, and what is staged was durable before |
    /// | any later state before commit | the present action is repeated, so health is proved again, else back-out |
    /// | committed | what follows is repeated |
    /// | backing out | the present step is repeated |
    private func decideRecover() -> [InstallationEvent] {
        switch state {
        case .ended: return []
        case .committed, .backingOut: return [.recovered]
        case .received, .verified, .preflight, .staged:
            guard recoveries < recoveriesAllowed else { return decideFailed(lostFailure()) }
            return [.restarted]
        case .stopping, .switched, .rebooting, .starting, .checking, .takingOver, .draining, .confirming:
            guard recoveries < recoveriesAllowed else { return decideFailed(lostFailure()) }
            return [.recovered]
        }
    }

    /// A release of the agent is a start of the agent, three where it fails, and one of the agent before it.
    private var recoveriesAllowed: Int {
        Self.recoveriesMax + (SelfUpdate.concerns(task.subject) ? ProgramTrial.startsMax : 0)
    }

    public var isBeforeStop: Bool {
        switch state {
        case .received, .verified, .preflight, .staged: true
        default: false
        }
    }

    private func outcome(of backOut: BackOut) -> HostOutcome {
        guard let failure = backOut.failure else { return .backedOut(nil) }
        let leftOldRelease = backOut.lastUnit > 0 || backOut.lastWasSwitched
        return leftOldRelease ? .backedOut(failure.failureClass) : .failed(failure.failureClass)
    }

    private func lateFailure(_ deadlineAt: UTCInstant) -> InstallationFailure {
        let (failureClass, step): (FailureClass, InstallationStep) =
            switch state {
            case .received: (.transport, .received)
            case .verified: (.preflight, .verified)
            case .preflight: (.transport, .preflight)
            case .staged: (.install, .staged)
            case .stopping: (.hook, .stopping)
            case .switched: (.install, .switched)
            case .rebooting: (.install, .switched)
            case .starting: (.hook, .starting)
            case .takingOver: (.hook, .checking)
            case .draining: (.health, .checking)
            case .checking: (.health, .checking)
            case .confirming: (.confirm, .checking)
            case .committed, .ended: (.install, .committed)
            case .backingOut: (.backOut, .backingOut)
            }
        return failure(
            failureClass, step, code: "deadline",
            "The step \(step.rawValue) was not done by its deadline \(deadlineAt).")
    }

    private func lostFailure() -> InstallationFailure {
        failure(
            .lost, step ?? .received, code: "lost",
            "The agent ended \(recoveries + 1) times in the step \((step ?? .received).rawValue) of this order.")
    }

    private func failure(
        _ failureClass: FailureClass, _ step: InstallationStep, code: String, _ summary: String
    ) -> InstallationFailure {
        let error = AgentError(
            code: "installation." + code, summary: summary,
            remedy: "See the evidence and the agent's log on the host, then order the release again.")
        return InstallationFailure(
            failureClass: failureClass, evidence: FailureEvidence(step: step, error: ReportedError(error), logTail: ""))
    }

    private func impossible(_ command: String) -> AgentError {
        AgentError(
            code: "installation.order", summary: "\(command) cannot come in the state \(state).",
            remedy: "This is a defect of Slipway: please report it with the journal.")
    }
}
