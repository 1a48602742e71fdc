import AgentProtocol
import ReleaseDefinition

/// Who may have its order now.
extension Rollout {
    func admissions() -> [RolloutFact] {
        var room = hosts.room
        let starts = startsHosts && hosts.hasHostToStart ? installsToAdmit(&room) + lateToAdmit(&room) : []
        let backOuts = backsOut && hosts.hasHostToTakeBack ? backOutsToAdmit(&room, isIdle: starts.isEmpty) : []
        return starts.map { .hostAdmitted(host: $0, action: .install) }
            + backOuts.map { .hostAdmitted(host: $0, action: .backOut) }
    }

    /// In plan order, as many as the phase may change at once. A host out of contact keeps its place in the queue
    /// without holding up the others. Earlier phases have hosts to start when some come back.
    private func installsToAdmit(_ room: inout HostGroups) -> [HostID] {
        (0...phase).flatMap { phase -> [HostID] in
            guard let frozen, frozen.value.phases.indices.contains(phase) else { return [] }
            return hosts.toStart(
                phase: phase, frozen.value.phases[phase].parallelism - hosts.statistics[phase].busy, room: &room)
        }
    }

    /// - Parameter isIdle: no host starts in the same moment.
    private func backOutsToAdmit(_ room: inout HostGroups, isIdle: Bool) -> [HostID] {
        let alone = singleBackOutsToAdmit(&room, isIdle: isIdle)
        return alone + waveToAdmit(&room, isIdle: isIdle && alone.isEmpty)
    }

    /// Back-outs outside a wave: of hosts that failed or that a person named. They are down already, or wanted back now.
    private func singleBackOutsToAdmit(_ room: inout HostGroups, isIdle: Bool) -> [HostID] {
        let phases = hosts.phases.indices.filter { backOut?.covers(phase: $0) != true }
        let found = phases.flatMap {
            hosts.toTakeBack(phase: $0, hosts.statistics[$0].backOut.inTurn, room: &room)
        }
        return found.isEmpty && isIdle ? hosts.firstToTakeBack(phases) : found
    }

    /// The numbers of the phases that a back-out is about.
    func wave(_ backOut: RolloutState.BackOut) -> [PhaseStatistics] {
        hosts.statistics.indices.filter(backOut.covers).map { hosts.statistics[$0] }
    }

    /// Newest phase first, as many as the phase may change at once; the first host alone until it is healthy on what it
    /// ran before (the brake), unless it is an emergency.
    private func waveToAdmit(_ room: inout HostGroups, isIdle: Bool) -> [HostID] {
        guard let backOut, let plan = frozen?.value else { return [] }
        let wave = self.wave(backOut).map(\.backOut)
        // The brake is for hosts that have something to leave; those that never said a word come after it.
        let needsBrake = !plan.urgency.isEmergency && wave.allSatisfy { $0.proofs == 0 }
        let newest = hosts.statistics.indices.last {
            backOut.covers(phase: $0) && hosts.statistics[$0].backOut.inTurnHeard > 0
        }
        // Where these carry the traffic, it waits for the other side to be back: that goes on without a brake.
        if needsBrake, let newest, !carriesTraffic(phase: newest) {
            guard wave.allSatisfy({ $0.awaited == 0 }) else { return [] }
            return firstOfWave(in: newest, &room, isIdle: isIdle)
        }
        if needsBrake, wave.contains(where: { $0.awaitedHeard > 0 }) { return [] }
        for phase in hosts.phases.indices.reversed() where backOut.covers(phase: phase) {
            let numbers = hosts.statistics[phase].backOut
            guard numbers.inTurn > 0 || numbers.awaited > 0 else { continue }
            guard !carriesTraffic(phase: phase) else { return [] }
            let places = (phasePlan(phase)?.parallelism ?? 1) - numbers.open
            let found = hosts.toTakeBack(phase: phase, places, room: &room)
            return found.isEmpty && isIdle && places > 0 ? hosts.firstToTakeBack([phase]) : found
        }
        return []
    }

    /// One that answers at once, if there is one.
    private func firstOfWave(in phase: Int, _ room: inout HostGroups, isIdle: Bool) -> [HostID] {
        let isHeard = { (host: HostRecord) in host.presence != .unheard }
        let pushed = hosts.toTakeBack(phase: phase, 1, room: &room) { isHeard($0) && $0.delivery == .push }
        if !pushed.isEmpty { return pushed }
        let found = hosts.toTakeBack(phase: phase, 1, room: &room, isHeard)
        return found.isEmpty && isIdle ? hosts.firstToTakeBack([phase], isHeard) : found
    }
}
