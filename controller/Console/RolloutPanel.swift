import AgentProtocol
import ControllerAPI
import ReleaseDefinition

/// One rollout as the page shows it: what the templates name, computed from the API's own view.
struct RolloutPanel {
    static let troubleMax = 8
    static let rowsMax = 1000
    static let changesMax = 100
    static let linkedMax = 1200
    static let tinyRowsMax = 200
    static let briefLinksMax = 50

    let view: RolloutView
    let now: UTCInstant
    /// What happened.
    let story: RolloutStory
    /// What holds it and its hosts; nil: nothing does, it has ended.
    let why: RolloutWhyView?
    /// What the person who looks may do with it.
    let acts: [ConsoleAct]
    /// Who said yes to the release and to this rollout; nil: it is not told.
    var approval: String?
    /// On the home page: of a large rollout only what needs somebody.
    var isBrief = false
    private let held: [HostID: RolloutHold]
    private let hosts: [(host: RolloutHostView, mark: HostMark)]

    init(
        _ view: RolloutView, story: RolloutStory = RolloutStory(), why: RolloutWhyView? = nil, acts: [ConsoleAct] = [],
        now: UTCInstant
    ) {
        self.view = view
        self.acts = acts
        self.why = why
        held = Dictionary((why?.hosts ?? []).map { ($0.host, $0.hold) }, uniquingKeysWith: { first, _ in first })
        self.now = now
        self.story = story
        hosts = view.hosts.map { ($0, HostMark($0)) }
    }

    /// Too many for a link each: those that need somebody have one, of the others there is a square.
    private var isTiny: Bool { hosts.count > Self.linkedMax }

    var model: [String: Any] {
        let sorted = inOrderOfConcern
        var model = header
        func add(_ part: [String: Any]) { model.merge(part) { first, _ in first } }
        add(troubleModel(sorted.filter(\.mark.needsAttention)))
        add(holdModel(isTroubleTold: sorted.contains(where: \.mark.needsAttention)))
        let rows = Array(sorted.prefix(isTiny ? isBrief ? 0 : Self.tinyRowsMax : Self.rowsMax))
        // They stand first. A row of links among thousands of squares is for those that need somebody.
        let concerned = sorted.prefix(isBrief ? Self.briefLinksMax : Self.tinyRowsMax).filter {
            !isBrief && $0.mark.kind == .moving || $0.mark.needsAttention
        }
        let linked = isTiny ? Set(concerned.map(\.host.host)) : nil
        add([
            "phases": view.phases.map { phase($0, sorted, linked: linked) },
            "bar": PhaseBar(view.phases.map { phase in marks(of: phase.number) }).model,
            "summary": summary,
            "legend": legend,
            "hasActs": !acts.isEmpty,
            "acts": acts.map(\.model),
            "hasChanges": story.count > 0,
            "changeCount": story.count.of("event"),
            "changes": story.newest.reversed().map(change),
        ])
        add([
            "density": isTiny ? "tiny" : hosts.count > 80 ? "dense" : "",
            "hostCount": hosts.count.of("host"),
            "hasRows": !rows.isEmpty,
            "rows": rows.map(row),
            "rowsLeft": rows.count < hosts.count
                ? "and \(hosts.count - rows.count) more: slipway rollout show \(view.id)" : "",
        ])
        return model
    }

    private func troubleModel(_ troubled: [(host: RolloutHostView, mark: HostMark)]) -> [String: Any] {
        [
            "hasTrouble": !troubled.isEmpty,
            "troubleTitle": troubled.count == 1
                ? "1 host needs attention" : "\(troubled.count) hosts need attention",
            "trouble": troubled.prefix(Self.troubleMax).enumerated().map {
                // One tells what is wrong; the page goes on.
                trouble($0.element.host, $0.element.mark, isFirst: $0.offset < (isBrief ? 1 : 3))
            },
            "troubleLeft": troubled.count > Self.troubleMax
                ? "and \(troubled.count - Self.troubleMax) more: they stand first in the table below" : "",
            "hasNext": view.nextCommand != nil,
            "next": view.nextCommand ?? "",
        ]
    }

    /// - Parameter isTroubleTold: who failed, and of what, stands below with its log.
    private func holdModel(isTroubleTold: Bool) -> [String: Any] {
        let next = why?.nextAttemptAt
        let reasons = (why?.reasons ?? []).filter { !isTroubleTold || $0.what != "failed" }
        return [
            "hasHolds": !reasons.isEmpty || next != nil,
            "holds": reasons.map { ["what": $0.what, "text": Self.text($0)] },
            "hasNextAttempt": next != nil,
            "nextAttempt": next.map(ConsoleWords.moment) ?? "",
            "nextAttemptIn": next.map { ConsoleWords.length($0.since(now)) } ?? "",
        ]
    }

    /// What a line of the list of earlier rollouts needs; no hosts.
    var header: [String: Any] {
        [
            "id": view.id.text,
            "product": view.release.product.text,
            "version": view.release.version.text,
            "environment": view.environment.text,
            "state": ConsoleWords.state(view.state) + (stuck > 0 ? " on \(stuck.of("host"))" : ""),
            "tone": ConsoleWords.tone(view.state),
            "isEmergency": view.isEmergency,
            "hasReason": view.reason?.isEmpty == false && !isReasonHeld,
            "reason": ConsoleWords.plain(view.reason ?? ""),
            "query": view.query.text,
            "manifest": view.manifest.short,
            "startedAt": view.startedAt.description,
            "started": ConsoleWords.moment(view.startedAt),
            "startedBy": ConsoleWords.person(view.startedBy),
            "took": ConsoleWords.length((view.endedAt ?? now).since(view.startedAt)),
            "tookLabel": view.endedAt == nil ? "Running for" : "Took",
            "phaseCount": view.phases.count.of("phase"),
            "hasApproval": approval != nil,
            "approval": approval ?? "",
        ]
    }

    /// Hosts that did not get back, of a rollout that was to.
    private var stuck: Int { view.state == .backOutFailed ? view.notBackedOut.count : 0 }

    /// What holds it says so already.
    private var isReasonHeld: Bool {
        guard let reason = view.reason else { return false }
        // `TEXT (by PERSON)` of a person.
        let text = reason.firstRange(of: " (by ").map { reason[..<$0.lowerBound] } ?? reason[...]
        return why?.reasons.contains { $0.text.contains(text) } == true
    }

    private func marks(of phase: Int) -> [HostMark] { hosts.filter { $0.host.phase == phase }.map(\.mark) }

    /// - Parameter linked: of whom there is a link; nil: of all.
    private func phase(
        _ phase: PhaseView, _ sorted: [(host: RolloutHostView, mark: HostMark)], linked: Set<HostID>?
    ) -> [String: Any] {
        let own = (linked == nil ? hosts : sorted).filter { $0.host.phase == phase.number }
        let links = linked.map { linked in own.filter { linked.contains($0.host.host) } } ?? own
        let blocks = SquareBlocks(
            linked.map { linked in own.filter { !linked.contains($0.host.host) }.map(\.mark.kind) } ?? [],
            id: "\(view.id)-\(phase.number)")
        return [
            "number": phase.number,
            // `phase 2` says nothing beside the number.
            "size": phase.size == "phase \(phase.number)" ? "" : phase.size,
            "state": ConsoleWords.state(phase.state),
            "tone": ConsoleWords.tone(phase.state),
            "counts": "\(phase.succeeded) of \(phase.hosts) done",
            "squares": links.map(square),
        ].merging(blocks.model) { first, _ in first }
    }

    private func change(_ change: RolloutChange) -> [String: Any] {
        [
            "at": change.at.description,
            "clock": ConsoleWords.moment(change.at).dropFirst(11).dropLast(4),
            "text": ConsoleWords.plain(change.text),
        ]
    }

    private func square(_ host: RolloutHostView, _ mark: HostMark) -> [String: Any] {
        [
            "target": isTiny && isBrief ? "/console/hosts/\(host.host)" : "#\(rowID(host))", "tone": mark.kind.rawValue,
            "sign": mark.sign, "label": "\(host.host): \(mark.words)",
        ]
    }

    private func rowID(_ host: RolloutHostView) -> String { "r-\(view.id)-\(host.host)" }

    private func trouble(_ host: RolloutHostView, _ mark: HostMark, isFirst: Bool) -> [String: Any] {
        let evidence = host.evidence
        let lines = evidence.map { ConsoleWords.lastLines($0.logTail) } ?? ""
        return [
            "detailsID": "why-\(view.id)-\(host.host)",
            "host": host.host.text,
            "words": mark.words,
            "tone": mark.kind.rawValue,
            "sign": mark.sign,
            "isOpen": isFirst && evidence != nil,
            "hasError": evidence != nil,
            "step": evidence?.step.rawValue ?? "",
            "error": evidence?.error.summary ?? "",
            "remedy": evidence?.error.remedy ?? "",
            "code": evidence?.error.code ?? "",
            "hasBackOutError": evidence?.backOutError != nil,
            "backOutError": evidence?.backOutError?.summary ?? "",
            "hasLog": !lines.isEmpty,
            "log": lines,
        ]
    }

    private func row(_ host: RolloutHostView, _ mark: HostMark) -> [String: Any] {
        let took = host.startedAt.map { ConsoleWords.length((host.endedAt ?? now).since($0)) }
        return [
            "rowID": rowID(host),
            "host": host.host.text,
            "phase": host.phase,
            "delivery": host.delivery.rawValue,
            "before": host.before?.text ?? "nothing",
            "words": mark.words,
            "tone": mark.kind.rawValue,
            "sign": mark.sign,
            "took": took ?? "",
            "hold": held[host.host].map(Self.text) ?? "",
        ]
    }

    private static func text(_ hold: RolloutHold) -> String {
        let text = ConsoleWords.plain(hold.text)
        guard let until = hold.until.map(ConsoleWords.moment), !text.contains(until) else { return text }
        return "\(text) Until \(until)."
    }

    /// Failing hosts first, then those in motion, then the rest; inside each by phase and name.
    private var inOrderOfConcern: [(host: RolloutHostView, mark: HostMark)] {
        let rank = Dictionary(
            HostMark.Kind.allCases.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first }
        )
        return hosts.sorted { one, other in
            let (left, right) = (rank[one.mark.kind] ?? 0, rank[other.mark.kind] ?? 0)
            return (left, one.host.phase, one.host.host) < (right, other.host.phase, other.host.host)
        }
    }

    private var legend: [[String: Any]] {
        let words: [(HostMark.Kind, String, String)] = [
            (.succeeded, "✓", "succeeded"), (.moving, "›", "in progress"), (.failed, "✕", "failed"),
            (.backedOut, "↩", "backed out"), (.offline, "?", "offline"), (.apart, "–", "left out"),
            (.waiting, "", "waiting"),
        ]
        return words.compactMap { kind, sign, name in
            let count = hosts.count { $0.mark.kind == kind }
            return count == 0 ? nil : ["tone": kind.rawValue, "sign": sign, "words": "\(count) \(name)"]
        }
    }

    /// The bar in words, for who cannot see it and for the announcement of a change.
    var summary: String {
        let counts = legend.compactMap { $0["words"] as? String }.joined(separator: ", ")
        return "\(view.release) to \(view.environment): \(ConsoleWords.state(view.state).lowercased()), \(counts)"
    }
}
