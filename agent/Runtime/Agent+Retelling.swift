import AgentProtocol
import ReleaseDefinition

/// A controller that was set up from a backup does not know what was said since. It need not ask: it says how far it heard
/// this host, and what it lost of that is said again, as news.
extension Agent {
    /// Up to here the controller has confirmed what this host said. What it says of itself is judged by how this was before it
    /// was asked: what it heard meanwhile may not be in its answer.
    var confirmedSequence: Int64 { host.confirmedSequence }

    /// The controller has the reports up to `sequence`. Where it had confirmed more, every order that ended since gets its
    /// word again, and what runs now comes last, so that it stands. Nothing is told again while that is under way.
    /// - Parameter confirmed: what it had confirmed before it was asked.
    func controllerHeard(through sequence: Int64, of confirmed: Int64) throws {
        guard sequence < confirmed, confirmed >= lastRetold, unwritten.isEmpty else { return }
        let lost = host.finished.filter { $0.reported.map { sequence < $0 && $0 <= confirmed } ?? false }
        let isOwnGap = host.droppedFrom == sequence + 1
        log.warning(
            isOwnGap
                ? "reports were dropped that had waited for too long: the controller is told anew what runs"
                : "the controller has forgotten what it had confirmed: it was set up from a backup, and is told again",
            metadata: ["known": "\(sequence)", "confirmed": "\(confirmed)", "orders": "\(lost.count)"])
        let bodies = lost.map(word) + under(way: host.installation) + [.inventory(inventory(system: readSystem()))]
        try record(
            bodies.enumerated().map { position, body in
                .report(report: HostReport(sequence: host.nextSequence + Int64(position), at: time.now(), body: body))
            })
        lastRetold = host.nextSequence - 1
    }

    /// With what runs now: what ran then is said by no word that comes later.
    private func word(on finished: FinishedOrder) -> HostReportBody {
        .outcome(
            OrderOutcome(
                order: finished.order, release: finished.release, outcome: finished.outcome,
                running: installed(finished.release.product, host), evidence: finished.failure?.evidence,
                unhealthyBefore: finished.unhealthyBefore))
    }

    private func under(way installation: Installation?) -> [HostReportBody] {
        guard let installation, let step = installation.step else { return [] }
        return progress(step, of: installation.task).map { [$0] } ?? []
    }
}
