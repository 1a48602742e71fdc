import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What must hold when nothing more happens.
extension Simulation {
    /// Many times what an undisturbed rollout needs: each further cut, return and attempt of a host adds a few.
    private static let eventsPerHostMax = 400

    func checkEnd() throws(SimulationFailure) {
        guard isUp, rollout.isOver, rollout.nextDeadlineAt == nil else {
            throw SimulationFailure("I7", "it does not end")
        }
        guard rollout.pendingActions(at: clock).isEmpty else {
            throw SimulationFailure("I7", "something is left to do")
        }
        guard let view = rollout.view else { throw SimulationFailure("I7", "it never began") }
        guard log.count < 2000 + Self.eventsPerHostMax * hosts.count else {
            throw SimulationFailure("I12", "\(log.count) events for \(hosts.count) hosts")
        }
        var replayed = Rollout()
        for event in log { replayed.apply(event) }
        guard replayed == rollout else { throw SimulationFailure("replay", "the events give another rollout") }
        let left = Set(view.stillRunning)
        for host in view.hosts {
            guard let place = places[host.id] else { continue }
            try check(hosts[place], host, isRevoked: view.isRevoked, left: left)
        }
        if view.state == "succeeded" { try checkSuccess(view) }
    }

    private func check(
        _ host: ModelHost, _ known: HostView, isRevoked: Bool, left: Set<HostID>
    ) throws(SimulationFailure) {
        let release = plan.definition.release
        guard host.installs <= 1 + invariants.retries(of: host.id) else {
            throw SimulationFailure("I2", "\(host.id) was changed \(host.installs) times")
        }
        guard invariants.words(of: host.id) <= host.finalWords else {
            throw SimulationFailure(
                "I2", "\(host.id) said \(host.finalWords) final words, \(invariants.words(of: host.id)) were counted")
        }
        // A machine that has left runs nothing.
        if host.isDead, host.isEphemeral { return }
        if isRevoked, host.running == release, !left.contains(host.id) {
            throw SimulationFailure("I10", "\(host.id) runs the revoked release unnoticed")
        }
        // Whoever could speak has: what the rollout says of it is the truth.
        guard !host.isDead, host.isReachable, host.queue.isEmpty else { return }
        let claims = known.state == "succeeded" || known.state == "alreadyCurrent"
        if claims, host.running != release {
            throw SimulationFailure(
                "I10", "\(host.id) counts as \(known.state) and runs \(host.running?.description ?? "nothing")")
        }
        if known.state == "backedOut", host.running == release, host.before != release {
            throw SimulationFailure("I10", "\(host.id) counts as backed out and runs the release")
        }
    }

    private func checkSuccess(_ view: RolloutView) throws(SimulationFailure) {
        // One that came back late waits on, safely, where another of its group is down for good.
        guard plan.definition.limits.maxUnavailable == nil else { return }
        // Nor does one for which no window is left.
        if let last = plan.starts?.last, clock >= last.until { return }
        for phase in view.phases where phase.counts.waiting != 0 {
            throw SimulationFailure("I7", "\(phase.counts.waiting) hosts of \(phase.name) still wait after the success")
        }
    }

    mutating func summarise() -> SimulationSummary {
        summary.state = rollout.view?.state ?? ""
        summary.simulated = now.since(Self.start)
        summary.reports = reports
        summary.close(hosts: hosts.count)
        return summary
    }
}
