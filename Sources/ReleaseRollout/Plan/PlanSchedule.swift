import ReleaseDefinition

/// When a plan's hosts start at the earliest, and when all is over at the latest: bounds, not a forecast.
public struct PlanSchedule: Sendable, Equatable {
    /// For each phase and host of the plan, in its order; nil: no window is left for it.
    public var earliestStarts: [[UTCInstant?]] = []
    /// With every host as slow as its deadlines allow, and nobody who has to decide; nil: not within the windows.
    public var latestEnd: UTCInstant?

    /// - Parameter least: what one host takes at least.
    public init(_ plan: RolloutPlan, at now: UTCInstant, least: TimeSpan = .zero) {
        let limits = plan.definition.limits
        var early: UTCInstant? = now
        var late: UTCInstant? = now
        for phase in plan.phases {
            var starts: [UTCInstant?] = []
            for batch in 0..<Self.turns(phase.hosts.count, phase.parallelism) {
                early = early.flatMap { plan.nextStart(from: $0) }
                let count = min(phase.parallelism, phase.hosts.count - batch * phase.parallelism)
                starts += Array(repeating: early, count: count)
                if batch + 1 < Self.turns(phase.hosts.count, phase.parallelism) { early = early.map { $0 + least } }
            }
            earliestStarts.append(starts)
            early = early.map { $0 + least + phase.bake }
            let slowest = phase.hosts.map { host in
                host.delivery == .pull
                    ? RolloutClocks.pullGrace(host.checkInterval) + limits.progressDeadline
                    : limits.progressDeadline + limits.offlineGrace
            }.max()
            for _ in 0..<plan.turns(of: phase) {
                late = late.flatMap { plan.nextStart(from: $0) }.map { $0 + (slowest ?? .zero) }
            }
            late = phase.promotion == .manual ? nil : late.map { $0 + phase.bake }
        }
        latestEnd = late
    }

    static func turns(_ hosts: Int, _ atOnce: Int) -> Int { (hosts + atOnce - 1) / max(1, atOnce) }
}

extension RolloutPlan {
    func nextStart(from moment: UTCInstant) -> UTCInstant? {
        guard let starts else { return moment }
        return starts.next(from: moment)
    }

    /// How often hosts of the phase start at most, one group of them after the other.
    fileprivate func turns(of phase: PlanPhase) -> Int {
        let turns = PlanSchedule.turns(phase.hosts.count, phase.parallelism)
        guard let limit = definition.limits.maxUnavailable else { return turns }
        let groups = Dictionary(grouping: phase.hosts.compactMap { $0.labels[limit.by] }, by: { $0 })
        // A group's host may wait for the turn of every other.
        let longest = groups.values.map { PlanSchedule.turns($0.count, limit.count) }.max() ?? 0
        return min(phase.hosts.count, turns + longest)
    }
}
