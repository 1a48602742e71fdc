import ReleaseDefinition

/// Whether a unit is healthy: every check passes, without a break, for the minimum healthy time (semantics 9). Pure: the
/// shell probes and tells; nothing here waits.
public struct HealthWatch: Sendable {
    public enum Verdict: Sendable, Equatable {
        case waiting
        case healthy
        /// A check failed `failures` times in a row after its start period, or the deadline passed.
        case unhealthy(HealthProblem)
    }

    private struct Watched: Sendable {
        var check: HealthCheck
        var failuresInRow = 0
        /// Since when it has passed at every probe; nil: it did not pass at the last one, or was never asked.
        var passingSince: UTCInstant?
        var lastDetail = "It was never answered."
        var nextProbeAt: UTCInstant
    }

    private var watched: [Watched]
    private let startedAt: UTCInstant
    private let minimumHealthy: TimeSpan
    private let deadlineAt: UTCInstant
    private var verdict = Verdict.waiting

    /// `checks` holds at least one: where a definition says `health: none` the shell passes its own (that the service's
    /// process goes on), or asks for nothing at all.
    public init(checks: [HealthCheck], minimumHealthy: TimeSpan, healthyDeadline: TimeSpan, startedAt: UTCInstant) {
        watched = checks.map { Watched(check: $0, nextProbeAt: startedAt) }
        self.startedAt = startedAt
        self.minimumHealthy = minimumHealthy
        deadlineAt = startedAt + healthyDeadline
    }

    /// The result of one probe that ended at `now`. After a verdict more results change nothing.
    public mutating func observe(check index: Int, passed: Bool, detail: String, at now: UTCInstant) {
        guard verdict == .waiting, watched.indices.contains(index) else { return }
        var one = watched[index]
        one.nextProbeAt = now + one.check.every
        if passed {
            one.failuresInRow = 0
            one.passingSince = one.passingSince ?? now
        } else {
            one.passingSince = nil
            one.lastDetail = detail
            if now.since(startedAt) > one.check.startPeriod { one.failuresInRow += 1 }
        }
        watched[index] = one
        if one.failuresInRow >= max(1, one.check.failures) {
            verdict = .unhealthy(HealthProblem(check: index, failuresInRow: one.failuresInRow, detail: detail))
        }
    }

    /// The clock of the minimum healthy time starts when the last check began to pass; a flap restarts it.
    public mutating func verdict(at now: UTCInstant) -> Verdict {
        guard verdict == .waiting else { return verdict }
        if let since = healthySince, now.since(since) >= minimumHealthy {
            verdict = .healthy
        } else if now >= deadlineAt {
            let index = watched.firstIndex { $0.passingSince == nil } ?? 0
            verdict = .unhealthy(
                HealthProblem(
                    check: index, failuresInRow: watched.indices.contains(index) ? watched[index].failuresInRow : 0,
                    detail: watched.indices.contains(index) ? watched[index].lastDetail : "", isLate: true))
        }
        return verdict
    }

    /// Checks whose time has come.
    public func due(at now: UTCInstant) -> [Int] {
        watched.indices.filter { watched[$0].nextProbeAt <= now }
    }

    /// When something next changes by itself: a probe, the minimum healthy time, the deadline.
    public var nextInstant: UTCInstant {
        let probe = watched.map(\.nextProbeAt).min() ?? deadlineAt
        let healthy = healthySince.map { $0 + minimumHealthy } ?? deadlineAt
        return min(probe, min(healthy, deadlineAt))
    }

    private var healthySince: UTCInstant? {
        var latest = startedAt
        for one in watched {
            guard let since = one.passingSince else { return nil }
            latest = max(latest, since)
        }
        return latest
    }
}

/// Which check, how often, and what it answered the last time.
public struct HealthProblem: Sendable, Equatable {
    public var check: Int
    public var failuresInRow: Int
    public var detail: String
    /// The healthy deadline passed, rather than a check failing often enough.
    public var isLate: Bool

    public init(check: Int, failuresInRow: Int, detail: String, isLate: Bool = false) {
        self.check = check
        self.failuresInRow = failuresInRow
        self.detail = detail
        self.isLate = isLate
    }
}
