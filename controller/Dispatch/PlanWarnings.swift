import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// What a plan alone cannot know: what else is going on, and what was revoked.
extension Controller {
    func surroundingWarnings(_ plan: RolloutPlan) -> [String] {
        givingWay(to: plan) + revokedWaysBack(plan) + overtakers(of: plan) + missingGates(plan)
    }

    /// A gate that cannot be asked lets no phase pass: it is known now.
    private func missingGates(_ plan: RolloutPlan) -> [String] {
        let names = Set(plan.phases.flatMap { $0.gates ?? [] }).sorted()
        return names.compactMap { name in
            guard case .command(let gate)? = policy?.gate(name)?.source else { return nil }
            let file = "\(GateRunner.folderName)/\(gate.program)"
            guard (try? folder.directory.status(file)) == nil else { return nil }
            return "The gate \(name) asks the program \(folder.path(file)), which is not there: no phase would pass."
        }
    }

    /// Rollouts that its start would end.
    private func givingWay(to plan: RolloutPlan) -> [String] {
        // Where another goes before it, the start says so.
        let others = ((try? superseded(by: plan)) ?? []).filter { $0.isActive && $0.id != plan.id }
        return others.compactMap { other in
            guard let release = other.plan?.definition.release else { return nil }
            let inFlight = other.rollout.view?.phases.reduce(0) { $0 + $1.counts.inFlight } ?? 0
            let state = RolloutNarration.state(of: other.rollout).rawValue
            return "Its start ends rollout \(other.id) of \(release), which is \(state)"
                + (inFlight == 0
                    ? "." : ": \(inFlight.of("host")) in flight would be told to stop or to follow this one.")
        }
    }

    /// A release that was revoked is never returned to.
    private func revokedWaysBack(_ plan: RolloutPlan) -> [String] {
        let revoked = plan.hosts.compactMap { isRevoked($0, in: plan) ? $0.running : nil }
        return Set(revoked).sorted { $0.description < $1.description }.map { release in
            let count = revoked.count { $0 == release }
            return
                "\(count.of("host")) \(count == 1 ? "runs" : "run") \(release), which was revoked: a back-out brings "
                + "\(count == 1 ? "it" : "them") to the good release before it, or leaves this one where there is none."
        }
    }

    private func isRevoked(_ host: PlanHost, in plan: RolloutPlan) -> Bool {
        guard let running = host.running else { return false }
        return state.releases[running]?.revocation(in: plan.definition.environment) != nil
    }

    func wayBack(of host: PlanHost, in plan: RolloutPlan) -> String {
        guard let running = host.running else { return "nothing" }
        return isRevoked(host, in: plan) ? "what it had before \(running), which is revoked" : running.description
    }

    /// Of a continuous rollout the newest release that may go there wins, at once.
    private func overtakers(of plan: RolloutPlan) -> [String] {
        let definition = plan.definition
        guard definition.strategy.isContinuous else { return [] }
        let newer = state.releases.values.filter { record in
            let name = record.submitted.release
            return name.product == definition.release.product && name.version > definition.release.version
                && record.isApproved(in: definition.environment)
                && record.revocation(in: definition.environment) == nil
        }.map(\.submitted.release).max { $0.version < $1.version }
        return newer.map {
            ["\($0) is approved for \(definition.environment) already: a continuous rollout goes on to it at once."]
        } ?? []
    }
}
