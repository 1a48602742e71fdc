import ReleaseDefinition

/// What windows and freezes leave, as far as time has come.
struct StartSchedule: Sendable, Equatable {
    /// No host starts.
    var isShut = true
    /// When that changes; nil, and shut: it does not any more.
    var nextAt: UTCInstant?
}

extension Rollout {
    /// Opens or shuts what the moment asks for. After the end only as long as somebody waits to catch up.
    func scheduleChange(at now: UTCInstant) -> [RolloutFact] {
        guard let schedule, let starts = frozen?.value.starts, heedsSchedule else { return [] }
        if let open = starts.open(at: now) {
            return schedule.isShut || schedule.nextAt != open.until ? [.startsOpened(until: open.until)] : []
        }
        let next = starts.next(from: now)
        return !schedule.isShut || schedule.nextAt != next ? [.startsShut(next: next)] : []
    }

    var scheduleChangeAt: UTCInstant? { heedsSchedule ? schedule?.nextAt : nil }

    private var heedsSchedule: Bool {
        switch state {
        case .running, .baking, .paused, .halted: true
        // Also for one that waits and is away: its grace runs while others could start.
        case .ended(.succeeded, _): hosts.statistics.contains { $0.tally.open > 0 }
        case .planned, .stopping, .backingOut, .ended: false
        }
    }

    mutating func shut(next: UTCInstant?, at: UTCInstant) {
        schedule = StartSchedule(isShut: true, nextAt: next)
        // As at a pause: what was not sent goes back into the queue.
        updateAll { host in if host.install.isAdmitted { host.install = .waiting(since: at) } }
    }

    /// Somebody waits for a window and none will come.
    func tripOfSchedule(_ tally: PhaseTally) -> StatusReason? {
        guard let schedule, schedule.isShut, schedule.nextAt == nil, tally.open > 0,
            hosts.statistics.allSatisfy({ $0.unfinished == 0 })
        else { return nil }
        return StatusReason(.noWindowLeft, "Hosts wait to start, and no window opens any more.")
    }

    // MARK: hosts that never report

    func silentAdmission(at now: UTCInstant) -> [RolloutFact] {
        silentAdmissionAt.map { $0 <= now } == true ? [.silentAdmitted] : []
    }

    /// Semantics 2: at 100 %, or by time. A pause stops nobody's watch, but admits nobody.
    var silentAdmissionAt: UTCInstant? {
        guard !admitsSilent, let after = frozen?.silentAfter, startsHosts, !isOver, let startedAt
        else { return nil }
        return startedAt + after
    }
}
