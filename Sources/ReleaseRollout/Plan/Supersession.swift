import ReleaseDefinition

/// What a rollout of a product does to the others of the same product on the same hosts (semantics 6): an emergency before
/// a higher priority before a later start.
public struct Supersession: Sendable, Equatable {
    /// They give way, in the order in which they were given; those that have ended too, or a host that comes back late
    /// would catch up with an older release.
    public var givesWay: [RolloutID] = []

    /// - Throws: `rollout.plan.precedence`: another one under way ranks higher; `rollout.plan.conflict`: one that ranks the
    ///   same moves on the same hosts. One that stands still gives way to a newer of its rank.
    public init(of plan: RolloutPlan, priority: Int, others: [(rollout: Rollout, priority: Int)]) throws(RolloutError) {
        let hosts = Set(plan.hosts.map(\.id))
        for (other, otherPriority) in others {
            guard let otherPlan = other.plan, otherPlan.id != plan.id,
                otherPlan.definition.release.product == plan.definition.release.product,
                otherPlan.definition.environment == plan.definition.environment,
                otherPlan.hosts.contains(where: { hosts.contains($0.id) })
            else { continue }
            if !other.isOver {
                let own = Rank(isEmergency: plan.urgency.isEmergency, priority: priority)
                let its = Rank(isEmergency: otherPlan.urgency.isEmergency, priority: otherPriority)
                if own < its { throw Self.outranked(plan, by: otherPlan) }
                if own == its, !other.standsStill { throw Self.conflict(plan, with: otherPlan) }
            }
            givesWay.append(otherPlan.id)
        }
    }

    private struct Rank: Comparable {
        var isEmergency: Bool
        var priority: Int

        static func < (left: Rank, right: Rank) -> Bool {
            left.isEmergency != right.isEmergency ? right.isEmergency : left.priority < right.priority
        }
    }

    private static func outranked(_ plan: RolloutPlan, by other: RolloutPlan) -> RolloutError {
        RolloutError(
            code: "plan.precedence",
            summary: "\(plan.definition.release) would take hosts from rollout \(other.id) of "
                + "\(other.definition.release), which goes before it.",
            remedy: "Wait for its end, or stop it first: slipway rollout stop \(other.id)")
    }

    private static func conflict(_ plan: RolloutPlan, with other: RolloutPlan) -> RolloutError {
        RolloutError(
            code: "plan.conflict",
            summary: "\(plan.definition.release) would take hosts from rollout \(other.id) of "
                + "\(other.definition.release), which is under way on them and ranks the same.",
            remedy:
                "Wait for its end, or pause it first, and this one takes its hosts: slipway rollout pause \(other.id)")
    }
}

extension Rollout {
    fileprivate var standsStill: Bool {
        switch state {
        case .paused, .halted: true
        case .planned, .running, .baking, .stopping, .backingOut, .ended: false
        }
    }
}
