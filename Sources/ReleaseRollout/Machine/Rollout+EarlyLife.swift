import ReleaseDefinition

/// The time after success in which a host that turns unhealthy is still the rollout's affair (semantics 5).
struct EarlyLife: Sendable, Equatable {
    static let spanDefault = TimeSpan.hours(24)

    /// Hosts that turned unhealthy in it.
    var failures = 0
    /// A person was called.
    var isPaged = false
}

extension Rollout {
    func isInEarlyLife(at now: UTCInstant) -> Bool {
        guard case .ended(.succeeded, let endedAt) = state, let plan, successor == nil else { return false }
        return now < endedAt + (plan.definition.limits.earlyLife ?? plan.earlyLife ?? EarlyLife.spanDefault)
    }

    /// One host goes back alone. Over the tolerance, and worse than it was before: all of them; else a person is called.
    func earlyLifeVerdict(at now: UTCInstant) -> [RolloutFact] {
        guard earlyLife.failures > 0, !earlyLife.isPaged, isInEarlyLife(at: now), let plan else { return [] }
        let tolerance = plan.definition.limits.failureTolerance ?? Tolerance(percent: 5)
        let count = hosts.sum { $0.tally.denominator }
        let allowed = tolerance.allowed(of: count)
        // One host is not yet a pattern.
        guard earlyLife.failures > max(allowed, 1) else { return [] }
        let before = plan.hosts.count { $0.isUnhealthy == true }
        let isWorse = earlyLife.failures > before
        let reason = StatusReason(
            .earlyLifeFailures,
            "\(earlyLife.failures) of \(count) hosts turned unhealthy in early life support, \(allowed) allowed; before the "
                + "rollout \(before) were.")
        guard isWorse, !isIrreversible else { return [.earlyLifePaged(reason: reason)] }
        return [.backOutStarted(scope: .rollout, phase: phase, reason: reason)]
    }
}
