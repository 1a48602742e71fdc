import ControllerAPI
import ReleaseDefinition

/// One host: what it runs against what it should run, what changed under it, what was done to it.
extension ListPanel {
    /// A rollout that has or had the host.
    struct HostTurn {
        var release: ReleaseName
        var rollout: RolloutID
        /// How it stands, or how it ended.
        var words: String
        var startedAt: UTCInstant?
    }

    static let turnsMax = 50
    private static let rollouts = "/console/rollouts/"

    static func host(_ host: HostView, turns: [HostTurn]) -> ListPanel {
        ListPanel(
            title: host.id.text,
            note: "\(host.environment), \(host.delivery?.rawValue ?? "never heard of"); slipway hosts show \(host.id)",
            flag: "isHost", back: ("All rollouts", "/"),
            tables: [
                ListTable(
                    heading: "Runs", note: host.products.isEmpty ? "nothing" : "",
                    columns: ["Product", "Runs", "Should run", "Health", "By rollout", "Note"],
                    rows: host.products.map { product($0, of: host) }, links: [4: rollouts]),
                ListTable(
                    heading: "Drift", note: host.drift.map { $0.isEmpty ? "none found" : "" } ?? "not known",
                    columns: ["What is not as it was installed"], rows: (host.drift ?? []).map { [$0] }),
                ListTable(heading: "What is known of it", columns: ["Fact", "Value"], rows: facts(host)),
                ListTable(
                    heading: "Rollouts", note: turns.isEmpty ? "none had it yet" : "the newest first",
                    columns: ["Release", "Rollout", "Here", "Began"],
                    rows: turns.map {
                        [
                            $0.release.description, $0.rollout.text, $0.words,
                            $0.startedAt.map(ConsoleWords.moment) ?? "",
                        ]
                    }, links: [1: rollouts]),
            ])
    }

    private static func product(_ one: HostProductView, of host: HostView) -> [String] {
        let health = one.isHealthy ? ConsoleWords.silence(host) ?? "healthy" : "not healthy"
        var notes: [String] = []
        if one.isRevoked == true { notes.append("revoked, goes on until it is backed out") }
        if let order = one.lockedBy { notes.append("locked: \(order) could not go back") }
        return [
            one.product.text, one.running?.text ?? "nothing", one.wanted?.text ?? "nothing was decided",
            one.running == nil ? "" : health, one.rollout?.text ?? "",
            notes.joined(separator: "; "),
        ]
    }

    private static func words(_ labels: [String: String]) -> String {
        labels.isEmpty
            ? "none" : labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    private static func facts(_ host: HostView) -> [[String]] {
        var rows = [
            ["Contact", host.contact.rawValue],
            ["Last report", host.lastContactAt.map(ConsoleWords.moment) ?? "none"],
            ["Next check", host.nextCheckBy.map { "by \(ConsoleWords.moment($0))" } ?? "none: orders are pushed"],
            ["Agent", host.agentVersion ?? "not known"],
            ["Labels", words(host.labels)],
            ["Certificate until", host.certificateNotAfter.map(ConsoleWords.moment) ?? "not known"],
        ]
        if let labels = host.labelsOnHost { rows.append(["Labels on the host", "still \(words(labels))"]) }
        if let standing = host.standing, standing != .active { rows.append(["Standing", standing.rawValue]) }
        if let notice = host.notice { rows.append(["Identity", "\(notice.summary) \(notice.remedy)"]) }
        for mark in host.marks ?? [] {
            rows.append([
                mark.mark.rawValue,
                "by \(ConsoleWords.person(mark.by)) since \(ConsoleWords.moment(mark.at)): \(mark.reason)",
            ])
        }
        return rows
    }
}

extension Controller {
    func hostPage(_ id: HostID, for person: PersonRecord) throws -> RecordPage {
        guard let record = state.hosts[id], person.may(.view, on: ScopedObject(record)) else {
            throw ControllerError.notFound("host \(id)")
        }
        let turns = state.rolloutOrder.reversed().lazy.compactMap { self.state.rollouts[$0] }
            .filter { $0.contains(id) && self.sees(person, $0.id) }.prefix(ListPanel.turnsMax)
            .compactMap { self.turn(of: id, in: $0) }
        return RecordPage(
            person: person.name, now: time.now(), title: id.text,
            content: ListPanel.host(try hostView(id), turns: Array(turns)), acts: hostActs(id, for: person))
    }

    private func turn(of id: HostID, in record: RolloutRecord) -> ListPanel.HostTurn? {
        guard let release = record.plan?.definition.release else { return nil }
        let facts = record.hosts[id]
        let view = RolloutHostView(
            host: id, phase: 1, delivery: .push, before: nil, order: facts?.order, step: facts?.step,
            outcome: facts?.outcome, evidence: nil, startedAt: facts?.startedAt, endedAt: facts?.endedAt)
        let isUntouched = !record.isActive && facts?.outcome == nil && facts?.order == nil
        return ListPanel.HostTurn(
            release: release, rollout: record.id, words: isUntouched ? "ended before its turn" : HostMark(view).words,
            startedAt: facts?.startedAt)
    }
}
