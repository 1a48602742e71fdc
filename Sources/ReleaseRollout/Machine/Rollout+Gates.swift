import ReleaseDefinition

/// The gates of a phase, as far as they were judged.
struct GateRound: Sendable, Equatable {
    var phase: Int
    /// From 1; a person who resumes has them judged again.
    var number: Int
    /// Who has not been judged by then has no data.
    var until: UTCInstant
    var verdicts: [GateName: GateJudgement] = [:]
    /// Another round is to follow.
    var isOver = false
}

/// Gates hold a phase that is done and baked until each of them has passed (semantics 9). Asking them is the controller's.
extension Rollout {
    /// nil: no gate holds the phase; empty: verdicts are waited for.
    func gateHold(_ phase: Int, at now: UTCInstant) -> [RolloutFact]? {
        guard let plan = phasePlan(phase), let gates = plan.gates, !gates.isEmpty, gatesWaived != phase else {
            return nil
        }
        let known = gateRound.flatMap { $0.phase == phase ? $0 : nil }
        guard let known, !known.isOver else {
            let number = (known?.number ?? 0) + 1
            return [.gatesAsked(phase: phase, round: number, until: now + RolloutClocks.gatesMax)]
        }
        func reason(_ code: StatusReason.Code, _ gate: GateName, _ what: String) -> StatusReason {
            StatusReason(code, "The gate \(gate) of \(plan.name) \(what).")
        }
        if let gate = gates.first(where: { known.verdicts[$0]?.verdict == .fail }), let it = known.verdicts[gate] {
            return [.halted(reason: reason(.gateFailed, gate, "failed: \(it.detail)"))]
        }
        if let gate = gates.first(where: { known.verdicts[$0] == nil }) {
            return now < known.until
                ? [] : [.paused(reason: reason(.gateUndecided, gate, "was not judged by \(known.until.wholeSeconds)"))]
        }
        let undecided = gates.first { known.verdicts[$0]?.verdict != .pass }
        guard let gate = undecided, let it = known.verdicts[gate] else { return nil }
        let what = it.verdict == .noData ? "has no data" : "is inconclusive"
        return [.paused(reason: reason(.gateUndecided, gate, "\(what): \(it.detail)"))]
    }

    /// The round whose verdicts are waited for.
    var openGateRound: GateRound? {
        guard let round = gateRound, !round.isOver, gatesWaived != round.phase,
            let gates = phasePlan(round.phase)?.gates,
            gates.contains(where: { round.verdicts[$0] == nil })
        else { return nil }
        switch state {
        case .running(round.phase), .baking(round.phase, _): return round
        default: return nil
        }
    }

    var gateActions: [RolloutAction] {
        guard let round = openGateRound else { return [] }
        return (phasePlan(round.phase)?.gates ?? []).filter { round.verdicts[$0] == nil }
            .map { .judgeGate(phase: round.phase, gate: $0, round: round.number) }
    }

    func gateJudged(
        _ gate: GateName, phase: Int, round: Int, _ judgement: GateJudgement
    ) -> [RolloutFact] {
        // Of an older round, or said twice.
        guard let known = gateRound, known.phase == phase, known.number == round, known.verdicts[gate] == nil, !isOver,
            successor == nil, phasePlan(phase)?.gates?.contains(gate) == true
        else { return [] }
        return [.gateJudged(phase: phase, gate: gate, round: round, judgement: judgement)]
    }

    /// A person who has looked may let the phase pass: `promote`, not `resume`, which asks the gates again.
    var isHeldByGate: Bool {
        switch state {
        case .paused(let held), .halted(let held): [.gateFailed, .gateUndecided].contains(held.reason.code)
        default: false
        }
    }

    mutating func endGateRound() {
        guard let round = gateRound, let gates = phasePlan(round.phase)?.gates else { return }
        if !gates.allSatisfy({ round.verdicts[$0]?.verdict == .pass }) { gateRound?.isOver = true }
    }
}
