import AgentProtocol
import ReleaseDefinition

/// The way back: the units that were touched are stopped and switched in reverse order, then started and checked in the
/// order of their requirements. All old trees are re-hashed before the first of them is switched to.
public struct BackOut: Sendable, Equatable {
    /// nil: ordered, not forced.
    public let failure: InstallationFailure?
    /// The unit at which the way forward ended; those above it were not touched.
    public let lastUnit: Int
    /// False: that unit was only being stopped; its link still shows the old release.
    public let lastWasSwitched: Bool
    /// Whether that unit's new release took over from the old one, which ran beside it.
    public let lastTookOver: Bool
    public private(set) var step: BackOutStep
    /// From 1 to `Installation.backOutAttemptsMax`.
    public private(set) var attempt: Int
    /// The error of the latest failed attempt.
    public private(set) var error: ReportedError?
    public private(set) var notBefore: UTCInstant
    public private(set) var deadlineAt: UTCInstant

    init(failure: InstallationFailure?, lastUnit: Int, lastWasSwitched: Bool, lastTookOver: Bool, at now: UTCInstant) {
        self.failure = failure
        self.lastUnit = lastUnit
        self.lastWasSwitched = lastWasSwitched
        self.lastTookOver = lastTookOver
        step = .verifying
        attempt = 1
        error = nil
        notBefore = now
        deadlineAt = now + Installation.tidyDeadline
    }

    var isRebooting: Bool {
        if case .rebooting = step { return true }
        return false
    }

    mutating func begin(_ step: BackOutStep, deadlineAt: UTCInstant) {
        self.step = step
        self.deadlineAt = deadlineAt
    }

    /// At a start. A wait that was begun by a clock that was ahead is no longer than any other.
    mutating func recover(deadlineAt: UTCInstant, at now: UTCInstant) {
        begin(step, deadlineAt: deadlineAt)
        notBefore = min(notBefore, now + Installation.backOutRetryDelay)
    }

    mutating func retry(after error: ReportedError, at now: UTCInstant) {
        self.error = error
        attempt += 1
        step = .verifying
        notBefore = now + Installation.backOutRetryDelay
        deadlineAt = notBefore + Installation.tidyDeadline
    }

    /// The step after the present one; nil: the restored release is healthy. First the units are put back from the last to
    /// the first, then started in the old release's order: nothing starts on what the release that is left brought.
    func next(_ changes: [UnitChange]) -> BackOutStep? {
        switch step {
        case .verifying: putBack(from: lastUnit, changes)
        case .stopping(let unit): .switching(unit: unit)
        case .switching(let unit), .rebooting(let unit, _, _): putBack(from: unit - 1, changes)
        case .starting(let unit):
            changes.parallel(unit)?.old != nil && (tookOver(unit) || !changes.isBeside(unit))
                ? .takingOver(unit: unit) : .checking(unit: unit)
        case .takingOver(let unit): .checking(unit: unit)
        case .checking(let unit):
            changes.isBeside(unit) && wasTouched(unit) ? .retiring(unit: unit) : start(after: unit, changes)
        case .retiring(let unit): start(after: unit, changes)
        }
    }

    /// Whether the release that is left serves, or did, what comes to the unit.
    func tookOver(_ unit: Int) -> Bool { unit < lastUnit || lastTookOver }

    /// The release that is left was started, or the host restarted for it: to leave it may need another restart.
    func leftWhatRan(_ unit: Int) -> Bool {
        guard unit == lastUnit, let step = failure?.evidence.step else { return true }
        return step != .stopping && step != .switched
    }

    private func wasTouched(_ unit: Int) -> Bool { unit < lastUnit || lastWasSwitched }

    /// Where both run side by side nothing is put back: the old one serves again before the new one stops.
    private func putBack(from unit: Int, _ changes: [UnitChange]) -> BackOutStep? {
        let next = stride(from: min(unit, last(changes)), through: 0, by: -1).first {
            wasTouched($0) && !changes.isBeside($0)
        }
        return next.map { .stopping(unit: $0) } ?? start(after: nil, changes)
    }

    private func start(after unit: Int?, _ changes: [UnitChange]) -> BackOutStep? {
        // A unit that the old release did not have is gone now; there is nothing to start.
        let order = (0...last(changes)).filter {
            changes.isBeside($0) || !wasTouched($0) || changes.kind(of: $0) != .add
        }.sorted { changes.orderBack(of: $0) < changes.orderBack(of: $1) }
        guard let unit else { return order.first.map { .starting(unit: $0) } }
        return order.drop { $0 != unit }.dropFirst().first.map { .starting(unit: $0) }
    }

    /// The number may come from a journal.
    private func last(_ changes: [UnitChange]) -> Int { max(0, min(lastUnit, changes.count - 1)) }
}

public enum BackOutStep: Sendable, Equatable, Codable {
    /// The trees of the old release are re-hashed: a back-out promises the exact bytes.
    case verifying
    case stopping(unit: Int)
    case switching(unit: Int)
    /// The host is being restarted; `boot` is what the kernel called its run before.
    case rebooting(unit: Int, boot: String, within: TimeSpan)
    /// Where both run: the old one is started again if it does not run, and answers.
    case starting(unit: Int)
    /// The old one serves again.
    case takingOver(unit: Int)
    case checking(unit: Int)
    /// The one that was left ends, when what it had is answered.
    case retiring(unit: Int)
}

/// What happened; each is in the journal before its consequence.
public enum InstallationEvent: Sendable, Equatable, Codable {
    case verified(changes: [UnitChange])
    case preflight
    case staged
    case stopping(unit: Int)
    case switched(unit: Int)
    /// The host is being restarted; `boot` is what the kernel called its run before.
    case rebooting(unit: Int, boot: String, within: TimeSpan)
    case starting(unit: Int)
    case checking(unit: Int)
    /// The new release, healthy in its slot, gets what comes from now on.
    case takingOver(unit: Int)
    /// The old one answers what it had; the new one is looked at meanwhile.
    case draining(unit: Int)
    /// What was found before the first stop.
    case prepared(before: StateBefore)
    case confirming
    case committed
    case backingOut(failure: InstallationFailure?, unit: Int, wasSwitched: Bool, tookOver: Bool? = nil)
    case backOutStep(BackOutStep)
    case backOutRetried(error: ReportedError)
    /// A start-up found it unfinished and goes on with the same action.
    case recovered
    /// A start-up found it before its first stop: what was staged is dropped, and it begins again.
    case restarted
    /// `shown`: of a way back that failed; nil from an agent that did not look.
    case ended(outcome: HostOutcome, failure: InstallationFailure?, shown: ShownLinks? = nil)
}

/// What the shell tells the machine.
public enum InstallationCommand: Sendable, Equatable {
    /// The pending action is done; of `verify` with what it found.
    case done
    case verified(changes: [UnitChange])
    /// Of `switchOver`, there and back: done, and the host must be restarted before what follows.
    case needsReboot(boot: String, within: TimeSpan)
    /// Of `activate`: whom the host can reach, and whether what runs is healthy.
    case prepared(StateBefore)
    /// There is nothing to do or nothing may be done; only before the first stop.
    case refused(HostOutcome)
    /// The pending action failed. Evidence was captured before this is said.
    case failed(InstallationFailure)
    /// Time has passed.
    case tick
    /// The agent has started and found this in its journal.
    case recover
}

/// What the shell does for the machine; each may be done twice.
public enum InstallationAction: Sendable, Equatable {
    case verify, preflight, stage, activate
    case stop(unit: Int)
    case switchOver(unit: Int)
    /// Until the kernel says that its run is another than `from`.
    case reboot(unit: Int, from: String)
    case start(unit: Int)
    case check(unit: Int)
    case takeOver(unit: Int)
    case drain(unit: Int)
    case confirm(peers: [String])
    case tidy
    case backOut(BackOutStep, attempt: Int)
}
