import AgentProtocol
import Effects
import ReleaseDefinition

/// Why an installation may not stop anything yet: the host's own windows, and its administrators' inhibit folder. What
/// waits, waits; fetching and staging are done. An emergency heeds no window, everything heeds the folder.
struct StartHold: Sendable {
    static let folderName = "inhibit"

    var folder: AgentFolder
    var windows: [MaintenanceWindow]
    var schedule: InstallSchedule?
    var host: HostID
    /// How far the clock is known to be off, by the controller's or by what was signed.
    var clockError: @Sendable (UTCInstant) -> TimeSpan

    /// - Parameters:
    ///   - came: when the order was taken up.
    ///   - expected: how long the installation takes at least; what would not be done in time is not begun.
    /// - Returns: in words, and until when at least, where that is known; nil: it may start.
    func reason(
        at now: UTCInstant, came: UTCInstant, expected: TimeSpan, isEmergency: Bool
    ) throws -> (words: String, until: UTCInstant?)? {
        if let name = try inhibitor() { return ("\(Self.folderName)/\(name) is there", nil) }
        guard !windows.isEmpty || schedule != nil, !isEmergency else { return nil }
        let rules: StartRules
        do {
            if let schedule {
                let start = schedule.start(after: came, for: host, in: try ZoneFolder.rules(schedule.zone))
                guard let start else { return ("the schedule \(schedule.at) names no day to come", nil) }
                guard start <= now else {
                    return ("the schedule \(schedule.at) \(schedule.zone) begins it \(start)", start)
                }
            }
            rules = StartRules(windows: try windows.map { ($0, try ZoneFolder.rules($0.zone)) })
        } catch {
            // It waits until somebody has corrected agent.json, and says so.
            return ("\(ReportedError(error))", nil)
        }
        switch rules.permission(at: now, expected: expected, clockError: clockError(now)) {
        case .given: return nil
        case .waits(let until, let reason): return (until.map { "\(reason); next \($0)" } ?? reason, until)
        case .skipped(let reason): return (reason, nil)
        }
    }

    /// Any file in the folder; its name says who put it there.
    private func inhibitor() throws -> String? {
        guard try folder.base.status(Self.folderName)?.kind == .directory else { return nil }
        return try folder.base.list(Self.folderName).map(\.name).min()
    }
}

extension Agent {
    private static let holdPause = TimeSpan.seconds(2)
    /// Where nobody knows for how long: the controller is told so, and again after half of it.
    private static let holdTold = TimeSpan.hours(1)

    /// - Returns: true while the installation waits; then time has passed, or a newer order has taken its place.
    func isHeld(_ installation: Installation) async throws -> Bool {
        guard installation.task.order.action == .install, let subject = installation.task.to else { return false }
        let expected = installation.changes.reduce(TimeSpan.zero) { $0 + $1.healthyDeadline }
        let reason = try hold.reason(
            at: time.now(), came: installation.receivedAt, expected: expected,
            isEmergency: InstallationRunner.isEmergency(installation.task))
        guard let (reason, until) = reason else {
            if heldFor != nil {
                (heldFor, heldUntilTold) = (nil, nil)
                // Its deadline counts from now.
                try record([.installation(event: .staged)])
                return true
            }
            return false
        }
        try writeWaiting()
        if heldFor != reason {
            heldFor = reason
            log.info("installation waits", metadata: ["order": "\(installation.task.order)", "for": "\(reason)"])
        }
        try tellHold(of: installation.task, until: until)
        let isOvertaken = queue.contains { $0.isUrgent || $0.release.product == subject.name.product }
        let isRevoked = host.record(of: subject.name.product).revoked.contains(subject.manifest)
        if isOvertaken || isRevoked {
            (heldFor, heldUntilTold) = (nil, nil)
            let events = try installation.decide(.refused(.superseded), at: clock.now())
            try record(events.map { .installation(event: $0) })
            try runner.dropStaging(installation.task)
            return true
        }
        try await time.sleep(for: Self.holdPause)
        return true
    }

    /// Once for each moment: a host that waits for its own Sunday has not vanished.
    private func tellHold(of task: InstallationTask, until: UTCInstant?) throws {
        let now = time.now()
        if let told = heldUntilTold, told >= until ?? now + .milliseconds(Self.holdTold.milliseconds / 2) { return }
        let heldUntil = until ?? now + Self.holdTold
        heldUntilTold = heldUntil
        guard configuration.controller != nil, let subject = task.subject else { return }
        let progress = OrderProgress(order: task.order, release: subject.name, step: .staged, heldUntil: heldUntil)
        try record([.report(report: HostReport(sequence: host.nextSequence, at: now, body: .progress(progress)))])
    }
}
