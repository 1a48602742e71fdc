import ReleaseDefinition
import ReleaseRollout

/// One question to one gate.
struct GateQuestionKey: Hashable, Sendable {
    var rollout: RolloutID
    var phase: Int
    var gate: GateName
    var round: Int
}

/// Has gates asked, each in a task of its own, and tells the engine what they said. Nothing of it is kept: a controller
/// that starts again asks again.
extension Controller {
    func isBeingAsked(_ action: RolloutAction, of id: RolloutID) -> Bool {
        guard case .judgeGate(let phase, let gate, let round) = action else { return false }
        return gateQuestions.contains(GateQuestionKey(rollout: id, phase: phase, gate: gate, round: round))
    }

    func ask(_ name: GateName, of record: RolloutRecord, phase: Int, round: Int) {
        let key = GateQuestionKey(rollout: record.id, phase: phase, gate: name, round: round)
        guard let plan = record.plan, gateQuestions.insert(key).inserted else { return }
        let context = GateContext(
            rollout: record.id, release: plan.definition.release, environment: plan.definition.environment,
            phase: phase + 1, updated: plan.hosts.map(\.id).filter { record.hasRelease($0) },
            others: plan.phases.dropFirst(phase + 1).flatMap { $0.hosts.map(\.id) }.filter { !record.hasRelease($0) },
            startedAt: record.startedAt ?? time.now())
        let gate = policy?.gate(name)
        let folder = folder
        Task { [weak self] in
            var judgement = GateJudgement(.noData, "the policy in force defines no gate \(name)")
            if let gate {
                do { judgement = try await GateRunner.live(folder).judge(gate, context) } catch {
                    judgement = GateJudgement(.noData, ReportedError(error).summary)
                }
            }
            await self?.answered(key, judgement)
        }
    }

    private func answered(_ key: GateQuestionKey, _ judgement: GateJudgement) {
        gateQuestions.remove(key)
        guard isRunning else { return }
        do {
            try tell(
                key.rollout, .gateJudged(key.gate, phase: key.phase, round: key.round, judgement),
                by: "gate:\(key.gate)")
        } catch {
            // It is still pending, and is asked again.
            logger.error("a gate's word was not stored", metadata: ["gate": "\(key.gate)", "error": "\(error)"])
            retryAt = time.now() + .seconds(5)
        }
    }

    /// Every phase is judged by those of its environment, before its own.
    func addPolicyGates(to plan: inout RolloutPlan) {
        let gates = policy?.environment(plan.definition.environment)?.gates ?? []
        guard !gates.isEmpty else { return }
        for position in plan.phases.indices {
            let own = plan.phases[position].gates ?? []
            plan.phases[position].gates = gates + own.filter { !gates.contains($0) }
        }
    }
}

extension RolloutRecord {
    func hasRelease(_ host: HostID) -> Bool {
        switch hosts[host]?.outcome {
        case .succeeded, .alreadyCurrent: true
        default: false
        }
    }

    /// The release was on the host, or on its way there, and the host did not stay with it.
    func tookBack(_ host: HostID) -> Bool {
        switch hosts[host]?.outcome {
        case .failed, .backedOut, .backOutFailed: true
        default: false
        }
    }
}
