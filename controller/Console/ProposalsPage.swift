import ControllerAPI
import Effects
import ReleaseDefinition

/// When a rollout to an environment would hinder people least: what `slipway window propose` says, with the freezes that
/// people declared and what else is to be there.
enum ProposalsPage {
    static let count = 5
    static let within = TimeSpan.days(14)
    /// How long it takes, to choose from, beside what the policy expects.
    static let spans: [TimeSpan] = [.minutes(15), .hours(1), .hours(2), .hours(4)]
    static let takesMax = TimeSpan.days(7)

    static func address(_ environment: EnvironmentName, takes: TimeSpan? = nil) -> String {
        "\(CalendarPage.address)/\(environment.text.percentEncoded)" + (takes.map { "?takes=\($0)" } ?? "")
    }

    /// Why it is proposed, and what to mind.
    /// - Parameter holding: freezes that have no end, or are of one product, so that they hide no date.
    static func words(_ one: WindowProposal, beside others: [CalendarPage.Entry], holding: [FreezeView]) -> String {
        var words = [one.windowUntil.map { "a window until \(ConsoleWords.moment($0))" } ?? "no window is asked for"]
        let freezes = holding.filter { $0.from < one.until && ($0.until.map { one.from < $0 } ?? true) }
        words.append(
            freezes.isEmpty
                ? "no freeze" : "freeze \(freezes.map(\.id).joined(separator: ", ")) holds, unless it is lifted")
        words.append(
            one.restriction == 0
                ? "no busy time" : "busy: \(one.reasons.joined(separator: ", ")) (weight \(one.restriction))")
        let near = others.filter { $0.from < one.until && ($0.until.map { one.from < $0 } ?? true) }
        words.append(
            near.isEmpty
                ? "nothing else is to be there"
                : "beside " + near.map { "\($0.kind.rawValue) \($0.title)" }.joined(separator: ", "))
        if let change = one.clockChange { words.append(ConsoleWords.clockChange(change)) }
        return words.joined(separator: "; ")
    }
}

extension Controller {
    /// Where proposals can be made: the policy's environments, or those there are.
    var proposalPlaces: [EnvironmentName] {
        let ofPolicy = policy?.environments.map(\.name) ?? []
        return ofPolicy.isEmpty ? configuration.environments : ofPolicy
    }

    /// - Parameter takes: nil: what the policy expects.
    /// - Throws: a 404 for an environment that is none.
    func proposalsPage(_ environment: EnvironmentName, takes: TimeSpan?, for person: PersonRecord) throws -> RecordPage
    {
        guard proposalPlaces.contains(environment) else {
            throw ControllerError.notFound("environment \(environment)")
        }
        let now = time.now()
        var rules = policy ?? ReleasePolicy()
        let usual = rules.environment(environment)?.duration ?? .minutes(15)
        let takes = takes.flatMap { $0 > .zero && $0 <= ProposalsPage.takesMax ? $0 : nil } ?? usual
        let zones = try ZoneFolder.rules(of: rules)
        let hosts = state.hostsInOrder.filter { $0.environment == environment && $0.identity.standing.isActive }
        let facts = PolicyFacts(
            now: now, hosts: hosts.map { PolicyHost(id: $0.id, labels: $0.labels) }, zones: zones)
        let holding = rules.take(state.freezes.map(\.view), of: environment, facts)
        let proposals = rules.proposals(
            for: environment, takes: takes, within: ProposalsPage.within, facts, count: ProposalsPage.count)
        let others = try startEntries(for: person, now).filter { $0.place == environment.text }
        let zone = rules.windows(of: environment).first.flatMap { it in
            zones[it.window.zone].map { (it.window.zone, $0) }
        }
        return RecordPage(
            person: person.name, now: now, title: "When to start in \(environment)",
            content: ListPanel.proposals(
                proposals, in: environment, takes: takes, usual: usual, zone: zone ?? ("UTC", .utc), others: others,
                holding: holding))
    }
}

extension ListPanel {
    fileprivate static func proposals(
        _ proposals: [WindowProposal], in environment: EnvironmentName, takes: TimeSpan, usual: TimeSpan,
        zone: (name: String, rules: ZoneRules), others: [CalendarPage.Entry], holding: [FreezeView]
    ) -> ListPanel {
        let start = "slipway rollout start rollout.yaml --environment \(environment)"
        let spans = Set(ProposalsPage.spans + [usual]).sorted { $0.milliseconds < $1.milliseconds }
        var tables = [
            ListTable(
                heading: "Proposed",
                note: proposals.isEmpty
                    ? "no window leaves \(takes) free within \(ProposalsPage.within): take less time, or see the windows and freezes of the policy"
                    : "the best of each \(proposals.first?.windowUntil == nil ? "day" : "window"); what restricts people least comes first, of equals the earliest",
                columns: ["Start, by its own clock", "Start (UTC)", "Done by (UTC)", "Why"],
                rows: proposals.map { one in
                    [
                        "\(CalendarPage.local(one.from, zone.rules)) \(zone.name)", ConsoleWords.moment(one.from),
                        ConsoleWords.moment(one.until), ProposalsPage.words(one, beside: others, holding: holding),
                    ]
                })
        ]
        if !holding.isEmpty {
            tables.append(
                ListTable(
                    heading: "Freezes that hold", note: "nothing in their scope starts before they are lifted",
                    columns: ["Freeze", "Where", "Reason", "By", "Ends it"],
                    rows: holding.map {
                        [$0.id, $0.scopeWords, $0.reason, $0.by, "slipway freeze lift \($0.id) --reason REASON"]
                    }))
        }
        return ListPanel(
            title: "When to start in \(environment)",
            note:
                "for a rollout of \(takes), within \(ProposalsPage.within); slipway window propose takes other lengths",
            flag: "isProposals", text: proposals.isEmpty ? nil : "# at the chosen moment\n\(start)",
            back: ("Calendar", CalendarPage.address),
            links: spans.map { ("takes \($0)", ProposalsPage.address(environment, takes: $0)) },
            current: ProposalsPage.address(environment, takes: takes), tables: tables)
    }
}
