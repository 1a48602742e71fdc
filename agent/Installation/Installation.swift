import AgentProtocol
import ReleaseDefinition

/// One order on this host, from receipt to its final word: a pure machine of three verbs (style rule 2).
///
/// Every event is in the journal before an action that changes the host is taken (so `switched` is the point of no return, not
/// the moment after it), every action may be taken again after a crash, and every state but the last ones has a deadline:
///
/// | state | action | when the deadline passes |
/// |---|---|---|
/// | received | verify | failed(transport) |
/// | verified | preflight | failed(preflight) |
/// | preflight | stage | failed(transport) |
/// | staged | none: goes on at once | failed(install) |
/// | stopping, switched, starting | hooks, service, the rename | back out (hook, install, hook) |
/// | rebooting | restarts the host, waits for the kernel's next run | back out (install) |
/// | checking | health, then `postHealthy`, `undrain` | back out (health) |
/// | taking over | the `switch` hook, the links: what comes goes to the new slot | back out (hook) |
/// | draining | the old slot answers what it had; health of the new | back out (health) |
/// | confirming | a fresh connection to whom it could reach before | back out (confirm) |
/// | committed | tidy up | given up until the next start |
/// | backing out | one step of it | the attempt failed: at most three, then hands off |
///
/// Instants are of a clock that does not step (`SteadyClock`), so a wrong wall clock cannot pass a deadline.
public struct Installation: Sendable, Equatable {
    public let task: InstallationTask
    public let receivedAt: UTCInstant
    public private(set) var state: State
    /// Empty until verified. In the order of activation.
    public private(set) var changes: [UnitChange]
    /// How often a start-up found this installation unfinished.
    public private(set) var recoveries: Int
    /// What was found before the first stop.
    public private(set) var before: StateBefore

    public static let verifyDeadline = TimeSpan.minutes(15)
    public static let preflightDeadline = TimeSpan.minutes(5)
    public static let stageDeadline = TimeSpan.hours(24)
    public static let switchDeadline = TimeSpan.minutes(2)
    public static let confirmDeadline = TimeSpan.minutes(2)
    public static let tidyDeadline = TimeSpan.hours(1)
    public static let backOutAttemptsMax = 3
    public static let backOutRetryDelay = TimeSpan.seconds(2)
    /// A start-up that finds the same installation unfinished for the fourth time gives it up: something in it may be
    /// what kills the agent.
    public static let recoveriesMax = 3

    public enum State: Sendable, Equatable {
        case received(deadlineAt: UTCInstant)
        case verified(deadlineAt: UTCInstant)
        case preflight(deadlineAt: UTCInstant)
        case staged(deadlineAt: UTCInstant)
        case stopping(unit: Int, deadlineAt: UTCInstant)
        case switched(unit: Int, deadlineAt: UTCInstant)
        case rebooting(unit: Int, boot: String, deadlineAt: UTCInstant)
        case starting(unit: Int, deadlineAt: UTCInstant)
        case checking(unit: Int, deadlineAt: UTCInstant)
        case takingOver(unit: Int, deadlineAt: UTCInstant)
        case draining(unit: Int, deadlineAt: UTCInstant)
        case confirming(deadlineAt: UTCInstant)
        case committed(deadlineAt: UTCInstant)
        case backingOut(BackOut)
        /// Nothing is left to do; the outcome is final.
        case ended(HostOutcome, InstallationFailure?)
    }

    public init(_ task: InstallationTask, at now: UTCInstant) {
        self.task = task
        receivedAt = now
        state = .received(deadlineAt: now + Self.verifyDeadline)
        changes = []
        recoveries = 0
        before = StateBefore()
    }

    public mutating func apply(_ event: InstallationEvent, at now: UTCInstant) {
        switch event {
        case .verified(let changes):
            self.changes = changes
            state = .verified(deadlineAt: now + Self.preflightDeadline)
        case .preflight: state = .preflight(deadlineAt: now + Self.stageDeadline)
        case .staged: state = .staged(deadlineAt: now + Self.preflightDeadline)
        case .stopping(let unit): state = .stopping(unit: unit, deadlineAt: now + stepTimeout(unit))
        case .switched(let unit): state = .switched(unit: unit, deadlineAt: now + switchTimeout(unit))
        case .starting(let unit): state = .starting(unit: unit, deadlineAt: now + stepTimeout(unit))
        case .checking(let unit): state = .checking(unit: unit, deadlineAt: now + checkTimeout(unit))
        case .rebooting(let unit, let boot, let within):
            state = .rebooting(unit: unit, boot: boot, deadlineAt: now + within)
        case .takingOver(let unit): state = .takingOver(unit: unit, deadlineAt: now + stepTimeout(unit))
        case .draining(let unit): state = .draining(unit: unit, deadlineAt: now + drainTimeout(unit))
        case .prepared(let found): before = found
        case .confirming: state = .confirming(deadlineAt: now + (before.confirmWithin ?? Self.confirmDeadline))
        case .committed: state = .committed(deadlineAt: now + Self.tidyDeadline)
        case .backingOut(let failure, let unit, let wasSwitched, let tookOver):
            state = .backingOut(
                BackOut(
                    failure: failure, lastUnit: unit, lastWasSwitched: wasSwitched, lastTookOver: tookOver ?? false,
                    at: now))
        case .backOutStep(let step):
            guard case .backingOut(var backOut) = state else { return }
            backOut.begin(step, deadlineAt: now + backOutTimeout(step))
            state = .backingOut(backOut)
        case .backOutRetried(let error):
            guard case .backingOut(var backOut) = state else { return }
            backOut.retry(after: error, at: now)
            state = .backingOut(backOut)
        case .recovered:
            recoveries += 1
            restartDeadline(at: now)
        case .restarted:
            recoveries += 1
            (changes, before) = ([], StateBefore())
            state = .received(deadlineAt: now + Self.verifyDeadline)
        case .ended(let outcome, let failure, _): state = .ended(outcome, failure)
        }
    }

    /// What to do next; nil when ended, or while a back-out waits for its next try. The same until an event changes it.
    public func pendingAction(at now: UTCInstant) -> InstallationAction? {
        switch state {
        case .received: .verify
        case .verified: .preflight
        case .preflight: .stage
        case .staged: .activate
        case .stopping(let unit, _): .stop(unit: unit)
        case .switched(let unit, _): .switchOver(unit: unit)
        case .rebooting(let unit, let boot, _): .reboot(unit: unit, from: boot)
        case .starting(let unit, _): .start(unit: unit)
        case .checking(let unit, _): .check(unit: unit)
        case .takingOver(let unit, _): .takeOver(unit: unit)
        case .draining(let unit, _): .drain(unit: unit)
        case .confirming: .confirm(peers: before.peers)
        case .committed: .tidy
        case .backingOut(let backOut): backOut.notBefore <= now ? .backOut(backOut.step, attempt: backOut.attempt) : nil
        case .ended: nil
        }
    }

    /// When something is due although nobody answers; nil when ended.
    public var deadlineAt: UTCInstant? {
        switch state {
        case .received(let at), .verified(let at), .preflight(let at), .staged(let at), .committed(let at),
            .confirming(let at):
            at
        case .stopping(_, let at), .switched(_, let at), .starting(_, let at), .checking(_, let at),
            .rebooting(_, _, let at), .takingOver(_, let at), .draining(_, let at):
            at
        case .backingOut(let backOut): backOut.deadlineAt
        case .ended: nil
        }
    }

    /// The word for reports; nil when the state has none of its own (an end).
    public var step: InstallationStep? {
        switch state {
        case .received: .received
        case .verified: .verified
        case .preflight: .preflight
        case .staged: .staged
        case .stopping: .stopping
        case .switched, .rebooting: .switched
        case .starting: .starting
        case .checking, .takingOver, .draining, .confirming: .checking
        case .committed: .committed
        case .backingOut: .backingOut
        case .ended(.backedOut, _): .backedOut
        case .ended(.backOutFailed, _): .backOutFailed
        case .ended: nil
        }
    }

    private mutating func restartDeadline(at now: UTCInstant) {
        switch state {
        case .stopping(let unit, _): state = .stopping(unit: unit, deadlineAt: now + stepTimeout(unit))
        case .switched(let unit, _): state = .switched(unit: unit, deadlineAt: now + switchTimeout(unit))
        case .starting(let unit, _): state = .starting(unit: unit, deadlineAt: now + stepTimeout(unit))
        case .checking(let unit, _): state = .checking(unit: unit, deadlineAt: now + checkTimeout(unit))
        case .takingOver(let unit, _): state = .takingOver(unit: unit, deadlineAt: now + stepTimeout(unit))
        case .draining(let unit, _): state = .draining(unit: unit, deadlineAt: now + drainTimeout(unit))
        // A restart of the host that does not come is not waited for anew by every start of the agent.
        case .rebooting: break
        case .confirming: state = .confirming(deadlineAt: now + (before.confirmWithin ?? Self.confirmDeadline))
        case .committed: state = .committed(deadlineAt: now + Self.tidyDeadline)
        case .backingOut(let backOut) where backOut.isRebooting: break
        case .backingOut(var backOut):
            backOut.recover(deadlineAt: now + backOutTimeout(backOut.step), at: now)
            state = .backingOut(backOut)
        case .received, .verified, .preflight, .staged, .ended: break
        }
    }

    private func stepTimeout(_ unit: Int) -> TimeSpan {
        changes.indices.contains(unit) ? changes[unit].stepTimeout : Self.switchDeadline
    }

    /// A link takes a moment; scripts and packages take what hooks may.
    private func switchTimeout(_ unit: Int) -> TimeSpan { max(Self.switchDeadline, stepTimeout(unit)) }

    /// Health has its own deadline inside; the rest is for the hooks that follow it.
    private func checkTimeout(_ unit: Int) -> TimeSpan {
        guard changes.indices.contains(unit) else { return Self.switchDeadline }
        return changes[unit].healthyDeadline + changes[unit].stepTimeout
    }

    private func drainTimeout(_ unit: Int) -> TimeSpan {
        checkTimeout(unit) + (changes.parallel(unit)?.drain ?? .zero)
    }

    private func backOutTimeout(_ step: BackOutStep) -> TimeSpan {
        switch step {
        case .verifying: Self.tidyDeadline
        case .stopping(let unit), .takingOver(let unit): stepTimeout(unit)
        case .starting(let unit): changes.isBeside(unit) ? checkTimeout(unit) : stepTimeout(unit)
        case .retiring(let unit): drainTimeout(unit)
        case .rebooting(_, _, let within): within
        case .switching(let unit): switchTimeout(unit)
        case .checking(let unit): checkTimeout(unit)
        }
    }
}
