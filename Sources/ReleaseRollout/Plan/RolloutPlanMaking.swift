import AgentProtocol
import ReleaseDefinition

extension RolloutPlan {
    /// Freezes hosts into phases. `hosts` may be the whole fleet of the environment: those the query does not match are
    /// left out.
    /// - Parameter healthyDeadline: the longest `healthy deadline` of the release's checks, where known.
    /// - Throws: `rollout.plan.noHosts`, `rollout.plan.invalid` with every problem at once.
    public static func make(
        _ definition: RolloutDefinition, manifest: SHA256Digest, id: RolloutID, hosts: [PlanHost],
        urgency: RolloutUrgency = .ordinary, healthyDeadline: TimeSpan? = nil
    ) throws(RolloutError) -> RolloutPlan {
        throw RolloutError(code: "plan.invalid", summary: "Not yet.", remedy: "")
    }
}
