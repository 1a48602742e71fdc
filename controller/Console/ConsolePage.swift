import ControllerAPI
import ReleaseDefinition

/// The console's one page, from the API's views to HTML. Pure: what it shows is what it is given.
struct ConsolePage {
    /// How many rollouts stand open on the home page beside those that still run, and how many are listed.
    static let openMax = 5
    static let listedMax = 20

    var person: String
    var rollouts: [RolloutView]
    var hosts: [HostView]
    /// What happened in the rollouts that stand open.
    var stories: [RolloutID: RolloutStory] = [:]
    /// What somebody must be told, on the home page.
    var notices: [ConsoleNotice] = []
    var now: UTCInstant
    /// The rollout that the address names; nil: the home page.
    var chosen: RolloutID?
    /// Which hosts the home page lists.
    var filter = HostFilter()
    /// What holds the hosts of the rollouts that stand open.
    var holds: [RolloutID: RolloutWhyView] = [:]
    /// For the forms; nil: there is none.
    var proof: String?
    /// For them too: this page, and no other.
    var page = ""
    var told: ConsoleTold?
    /// Who said yes to them.
    var approvals: [RolloutID: String] = [:]
    /// What this person may do with the rollouts that stand open.
    var acts: [RolloutID: [ConsoleAct]] = [:]

    /// For so long a release that was backed out stands first, unless something else was tried there since.
    static let failedSpan = TimeSpan.days(1)

    /// Which rollouts must be given with their hosts, in the order of the page: those that need somebody, those that run,
    /// the newest; or the chosen one.
    /// - Parameter rollouts: the newest first.
    static func open(_ rollouts: [RolloutView], chosen: RolloutID?, at now: UTCInstant) -> [RolloutID] {
        if let chosen { return [chosen] }
        var places: Set<String> = []
        let urgent = rollouts.filter { one in
            let isLast = places.insert("\(one.release.product) \(one.environment)").inserted
            return isUrgent(one, at: now) && (isLast || !one.state.isFinal)
        }.map(\.id)
        let others = rollouts.enumerated().filter { place, one in
            (place == 0 || !one.state.isFinal) && !urgent.contains(one.id)
        }.map(\.element)
        // What has ended well is the last to be read.
        let calm = others.filter { !$0.state.isFinal } + others.filter(\.state.isFinal)
        return Array((urgent + calm.map(\.id)).prefix(openMax))
    }

    /// It went wrong, and a person decides what comes next.
    static func isUrgent(_ rollout: RolloutView, at now: UTCInstant) -> Bool {
        switch rollout.state {
        case .halted, .backingOut: true
        case .backedOut, .backOutFailed: rollout.endedAt.map { now < $0 + failedSpan } ?? true
        case .running, .paused, .stopping, .succeeded, .stopped, .superseded: false
        }
    }

    func render(_ templates: ConsoleTemplates) -> [UInt8] { Array(templates.render("page", model).utf8) }

    /// What the page's script fetches again after each event.
    func renderLive(_ templates: ConsoleTemplates) -> [UInt8] { Array(templates.render("live", model).utf8) }

    private var model: [String: Any] {
        let open = Self.open(rollouts, chosen: chosen, at: now)
        let shown = open.compactMap { id in rollouts.first { $0.id == id } }
        let earlier = rollouts.filter { !open.contains($0.id) }.prefix(Self.listedMax)
        let panels = shown.map(panel)
        // On the home page they stand before which version serves where.
        let urgentCount = chosen == nil ? shown.count { Self.isUrgent($0, at: now) } : 0
        let fleet = FleetTable(hosts: hosts, filter: filter).model
        let model: [String: Any] = [
            "person": person,
            "proof": proof ?? "",
            "page": page,
            "address": address,
            "told": told.map { [$0.model] } ?? [],
            "isHome": chosen == nil,
            "title": chosen == nil ? "Rollouts" : shown.first.map { "\($0.release)" } ?? "Rollouts",
            "style": ConsoleAssets.stylePath,
            "script": ConsoleAssets.scriptPath,
            "live": livePath,
            // A stream that starts behind what the page shows tells only what is new.
            "sequence": rollouts.map(\.sequence).max() ?? 0,
            "now": ConsoleWords.moment(now),
            "hasRollouts": !rollouts.isEmpty,
            // A rollout's page lists its own.
            "hasFleet": chosen == nil && !hosts.isEmpty,
            "urgent": panels.prefix(urgentCount).map(\.model),
            "panels": panels.dropFirst(urgentCount).map(\.model),
            "announcement": panels.first?.summary ?? "",
            "hasEarlier": chosen == nil && !earlier.isEmpty,
            "hasNotices": chosen == nil && !notices.isEmpty,
            "notices": notices.map { notice in
                [
                    "tone": notice.tone, "text": notice.text, "hasCommand": notice.command != nil,
                    "command": notice.command ?? "",
                ] as [String: Any]
            },
            "earlier": earlier.map { RolloutPanel($0, now: now).header },
        ]
        let grid = chosen == nil ? FleetGrid(hosts: hosts, rollouts: rollouts, now: now).model : ["hasGrid": false]
        return model.merging(fleet) { first, _ in first }.merging(grid) { first, _ in first }
    }

    private func panel(_ rollout: RolloutView) -> RolloutPanel {
        var panel = RolloutPanel(
            rollout, story: stories[rollout.id] ?? RolloutStory(), why: holds[rollout.id], acts: acts[rollout.id] ?? [],
            now: now)
        panel.approval = approvals[rollout.id]
        panel.isBrief = chosen == nil
        return panel
    }

    /// Also where a refused form is shown, whose own address takes forms alone.
    private var address: String {
        chosen.map { "/console/rollouts/\($0)" } ?? filter.address.map { "/?hosts=\($0)" } ?? "/"
    }

    private var livePath: String {
        chosen.map { "/console/live?rollout=\($0)" }
            ?? filter.address.map { "/console/live?hosts=\($0)" } ?? "/console/live"
    }
}

/// The page of who has not signed in.
struct SignInPage {
    /// Why the last try was refused; nil on the first.
    var refusal: String?
    /// Names of identity providers.
    var issuers: [String] = []

    func render(_ templates: ConsoleTemplates) -> [UInt8] {
        let model: [String: Any] = [
            "style": ConsoleAssets.stylePath, "hasRefusal": refusal != nil, "refusal": refusal ?? "",
            "hasIssuers": !issuers.isEmpty, "issuers": issuers,
        ]
        return Array(templates.render("signin", model).utf8)
    }
}
