import AgentProtocol
import ReleaseDefinition

/// Who may have its order now.
extension Rollout {
    func admissions() -> [RolloutFact] {
        let starts = startsHosts ? installsToAdmit() : []
        let backOuts = backsOut ? singleBackOutsToAdmit() + waveToAdmit() : []
        return starts.map { .hostAdmitted(host: $0, action: .install) }
            + backOuts.map { .hostAdmitted(host: $0, action: .backOut) }
    }

    /// In plan order, as many as the phase may change at once. A host out of contact keeps its place in the queue
    /// without holding up the others. Earlier phases have hosts to start when some come back.
    private func installsToAdmit() -> [HostID] {
        (0...phase).flatMap { phase -> [HostID] in
            guard let plan = phasePlan(phase) else { return [] }
            let busy = members(of: phase).count { $0.install.isOpen || $0.backOut?.isOpen == true }
            return members(of: phase).lazy
                .filter { $0.install.isWaitingInTurn && !$0.isOutOfContact && $0.backOut == nil }
                .prefix(max(0, plan.parallelism - busy)).map(\.id)
        }
    }

    /// Back-outs outside a wave: of hosts that failed or that a person named. They are down already, or wanted back now.
    private func singleBackOutsToAdmit() -> [HostID] {
        hosts.lazy.filter { self.isInTurnForBackOut($0) && !(self.backOut?.covers(phase: $0.phase) ?? false) }.map(\.id)
    }

    private func isInTurnForBackOut(_ host: HostRecord) -> Bool {
        host.backOut?.isWaitingInTurn == true && host.install.isEnded && !host.isOutOfContact
    }

    /// Newest phase first, as many as the phase may change at once; the first host alone until it is healthy on what it
    /// ran before (the brake), unless it is an emergency.
    private func waveToAdmit() -> [HostID] {
        guard let backOut, let plan else { return [] }
        let covered = hosts.filter { backOut.covers(phase: $0.phase) && $0.backOut != nil }
        // A host that went out of contact proves nothing: the wave does not wait for it.
        let awaited = covered.filter { $0.backOut?.isOpen == true && !$0.isOutOfContact }
        // The brake is for hosts that have something to leave; those that never said a word come after it.
        let inTurn = covered.filter { isInTurnForBackOut($0) && $0.presence != .unheard }
        let needsBrake = !plan.urgency.isEmergency && !covered.contains(where: \.provesBackOut)
        if needsBrake, let newest = inTurn.map(\.phase).max() {
            guard awaited.isEmpty else { return [] }
            let candidates = inTurn.filter { $0.phase == newest }
            // One that answers at once, if there is one.
            return (candidates.first { $0.delivery == .push } ?? candidates.first).map { [$0.id] } ?? []
        }
        if needsBrake, awaited.contains(where: { $0.presence != .unheard }) { return [] }
        for phase in phases.indices.reversed() {
            let inTurn = covered.filter { $0.phase == phase && isInTurnForBackOut($0) }
            guard !inTurn.isEmpty || awaited.contains(where: { $0.phase == phase }) else { continue }
            let busy = covered.count { $0.phase == phase && $0.backOut?.isOpen == true }
            return inTurn.prefix(max(0, (phasePlan(phase)?.parallelism ?? 1) - busy)).map(\.id)
        }
        return []
    }
}
