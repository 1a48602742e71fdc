import ReleaseDefinition

/// A phase counted against its limits (semantics 3).
struct PhaseTally: Sendable, Equatable {
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

    /// `count`: 1 or −1.
    mutating func add(_ verdict: HostVerdict, isAcknowledged: Bool, _ count: Int) {
        total += count
        let acknowledged = isAcknowledged ? count : 0
        switch verdict {
        case .open: open += count
        case .succeeded: succeeded += count
        case .alreadyCurrent: alreadyCurrent += count
        case .failed: (failed, failedAcknowledged) = (failed + count, failedAcknowledged + acknowledged)
        case .unreached: (unreached, unreachedAcknowledged) = (unreached + count, unreachedAcknowledged + acknowledged)
        case .skipped: (skipped, skippedAcknowledged) = (skipped + count, skippedAcknowledged + acknowledged)
        case .absent: absent += count
        }
    }

    static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.total += right.total
        sum.open += right.open
        sum.succeeded += right.succeeded
        sum.alreadyCurrent += right.alreadyCurrent
        sum.failed += right.failed
        sum.unreached += right.unreached
        sum.skipped += right.skipped
        sum.absent += right.absent
        sum.failedAcknowledged += right.failedAcknowledged
        sum.unreachedAcknowledged += right.unreachedAcknowledged
        sum.skippedAcknowledged += right.skippedAcknowledged
        return sum
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

    func successesRequired(failuresAllowed: Int, offlineAllowed: Int, set: PhaseSize?) -> Int {
        guard denominator > 0 else { return 0 }
        // Nothing passes empty, whatever the tolerances say.
        guard let set else { return max(1, denominator - failuresAllowed - offlineAllowed) }
        // What has left or was acknowledged cannot be asked for.
        let reachable = total - absent - acknowledged
        switch set {
        case .count(let count): return max(1, min(count, reachable))
        case .percent(let percent): return max(1, (denominator * min(max(0, percent), 100) + 99) / 100)
        }
    }
}

/// A phase's numbers next to their limits.
struct PhaseGate: Equatable {
    var tally: PhaseTally
    var failuresAllowed: Int
    var offlineAllowed: Int
    var successesRequired: Int

    init(_ tally: PhaseTally, failures: Tolerance, offline: Tolerance, required: PhaseSize?) {
        self.tally = tally
        failuresAllowed = failures.allowed(of: tally.denominator)
        offlineAllowed = offline.allowed(of: tally.denominator)
        successesRequired = tally.successesRequired(
            failuresAllowed: failuresAllowed, offlineAllowed: offlineAllowed, set: required)
    }
}

extension Rollout {
    func gate(_ phase: Int) -> PhaseGate? {
        guard let frozen, frozen.value.phases.indices.contains(phase) else { return nil }
        return PhaseGate(
            hosts.statistics[phase].tally, failures: frozen.value.phases[phase].failureTolerance,
            offline: frozen.value.definition.limits.offlineTolerance,
            required: frozen.value.phases[phase].requiredSuccesses)
    }
}
