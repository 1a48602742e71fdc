import ReleaseDefinition

/// A phase counted against its limits (semantics 3).
struct PhaseTally: Equatable {
    var total = 0
    var open = 0
    var succeeded = 0
    var alreadyCurrent = 0
    var failed = 0
    var unreached = 0
    var skipped = 0
    /// Gone or silent.
    var absent = 0
    /// Of the above, those that a person resumed in the face of.
    var failedAcknowledged = 0
    var unreachedAcknowledged = 0
    var skippedAcknowledged = 0

    init(_ hosts: some Sequence<HostRecord>) {
        for host in hosts {
            total += 1
            let isAcknowledged = host.isAcknowledged
            switch host.verdict {
            case .open: open += 1
            case .succeeded: succeeded += 1
            case .alreadyCurrent: alreadyCurrent += 1
            case .failed:
                failed += 1
                if isAcknowledged { failedAcknowledged += 1 }
            case .unreached:
                unreached += 1
                if isAcknowledged { unreachedAcknowledged += 1 }
            case .skipped:
                skipped += 1
                if isAcknowledged { skippedAcknowledged += 1 }
            case .absent: absent += 1
            }
        }
    }

    var acknowledged: Int { failedAcknowledged + unreachedAcknowledged + skippedAcknowledged }
    /// Only these count: a person answers for the others.
    var newFailures: Int { failed - failedAcknowledged }
    var newUnreached: Int { unreached - unreachedAcknowledged }
    var newSkipped: Int { skipped - skippedAcknowledged }

    /// N: frozen at the start, less skipped, gone and silent, less what was acknowledged.
    var denominator: Int { total - skipped - absent - failedAcknowledged - unreachedAcknowledged }
    var successes: Int { succeeded + alreadyCurrent }
    /// ⌊10 % of the phase⌋.
    var skippedAllowed: Int { total / 10 }

    func successesRequired(failuresAllowed: Int, offlineAllowed: Int) -> Int {
        // Nothing passes empty, whatever the tolerances say.
        denominator == 0 ? 0 : max(1, denominator - failuresAllowed - offlineAllowed)
    }
}

/// A phase's numbers next to their limits.
struct PhaseGate: Equatable {
    var tally: PhaseTally
    var failuresAllowed: Int
    var offlineAllowed: Int
    var successesRequired: Int

    init(_ tally: PhaseTally, failures: Tolerance, offline: Tolerance) {
        self.tally = tally
        failuresAllowed = failures.allowed(of: tally.denominator)
        offlineAllowed = offline.allowed(of: tally.denominator)
        successesRequired = tally.successesRequired(failuresAllowed: failuresAllowed, offlineAllowed: offlineAllowed)
    }
}

extension Rollout {
    func gate(_ phase: Int) -> PhaseGate? {
        guard let plan, let phasePlan = phasePlan(phase) else { return nil }
        return PhaseGate(
            PhaseTally(members(of: phase)), failures: phasePlan.failureTolerance,
            offline: plan.definition.limits.offlineTolerance)
    }
}
