import ReleaseDefinition

/// The time after success in which a host that turns unhealthy is still the rollout's affair (semantics 5).
struct EarlyLife: Sendable, Equatable {
    static let spanDefault = TimeSpan.hours(24)

    /// Hosts that turned unhealthy in it.
    var failures = 0
    /// As they were when the last of these said so; nil: nobody looked.
    var others: OtherHosts?
    /// A person was called.
    var isPaged = false
}

/// Hosts without the release, to compare with: they run another release of the product in the same environment, are in
/// contact, and were healthy when the rollout ended.
public struct OtherHosts: Sendable, Equatable, Codable {
    public var count: Int
    /// Of these, the ones that have turned unhealthy since. 0 to `count`.
    public var unhealthy: Int

    public init(count: Int, unhealthy: Int) { (self.count, self.unhealthy) = (count, unhealthy) }
}

extension Rollout {
    /// Whether what other hosts are like decides anything: somebody is to look before the next word of ill health.
    public func comparesHealth(at now: UTCInstant) -> Bool { !earlyLife.isPaged && isInEarlyLife(at: now) }

    func isInEarlyLife(at now: UTCInstant) -> Bool {
        guard case .ended(.succeeded, let endedAt) = state, let plan, successor == nil else { return false }
        return now < endedAt + (plan.definition.limits.earlyLife ?? plan.earlyLife ?? EarlyLife.spanDefault)
    }

    /// One host goes back alone. Over the tolerance, and worse than hosts without the release, or than before where there
    /// is none: all of them; else a person is called.
    func earlyLifeVerdict(at now: UTCInstant) -> [RolloutFact] {
        guard earlyLife.failures > 0, !earlyLife.isPaged, isInEarlyLife(at: now), let plan else { return [] }
        let tolerance = plan.definition.limits.failureTolerance ?? Tolerance(percent: 5)
        let count = hosts.sum { $0.tally.denominator }
        let allowed = tolerance.allowed(of: count)
        // One host is not yet a pattern.
        guard earlyLife.failures > max(allowed, 1) else { return [] }
        let comparison = earlyLifeComparison(plan)
        let reason = StatusReason(
            .earlyLifeFailures,
            "\(earlyLife.failures) of \(count) hosts turned unhealthy in early life support, \(allowed) allowed; "
                + comparison.text)
        guard comparison.isWorse, !isIrreversible else { return [.earlyLifePaged(reason: reason)] }
        return [.backOutStarted(scope: .rollout, phase: phase, reason: reason)]
    }

    /// Of hosts that live at the same time without the release a greater share would turn unhealthy too, were it not the
    /// release; what was before is the second best that one can know. As bad as those is not worse.
    private func earlyLifeComparison(_ plan: RolloutPlan) -> (isWorse: Bool, text: String) {
        guard let others = earlyLife.others, others.count > 0 else {
            let before = plan.hosts.count { $0.isUnhealthy == true }
            return (earlyLife.failures > before, "before the rollout \(before) were.")
        }
        let took = hosts.sum { $0.tally.succeeded } + earlyLife.failures
        return (
            earlyLife.failures * others.count > others.unhealthy * took,
            "of \(others.count.of("host")) without the release \(others.unhealthy) did."
        )
    }
}
