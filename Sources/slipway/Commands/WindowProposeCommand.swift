import ArgumentParser
import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition

struct WindowProposeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "propose", abstract: "Suggest when a rollout would hinder people least, by the policy.",
        discussion: """
            One start of each window of the environment, of each day where it has none: its best. Left out is what a \
            freeze would catch, the policy's or one that people declared. The least restriction comes first: minutes of \
            the policy's busy times, each as often as its weight says; then no clock change, then the earliest.
            """)

    @OptionGroup var connection: OfflineConnection
    @OptionGroup var output: OutputOptions

    @Option(help: "A policy.yaml; the one in force on the controller, if left out.")
    var policy: String?

    @Option(help: "The environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    @Option(help: "How long it takes, as 2h; what the policy expects, if left out.", transform: { try TimeSpan($0) })
    var takes: TimeSpan?

    @Option(help: "How far to look ahead, as 14d; 92d at most.", transform: { try TimeSpan($0) })
    var within = TimeSpan.days(14)

    @Option(
        name: .customLong("hosts"), help: "Which hosts; freezes may be of some alone.", transform: { try HostQuery($0) }
    )
    var query = HostQuery.all

    @Option(help: "From which moment on, as 2026-11-20T09:12:00Z; now, if left out.", transform: { try UTCInstant($0) })
    var from: UTCInstant?

    @Option(help: "How many proposals at most.")
    var count: Int = 3

    func validate() throws {
        guard policy != nil || connection.isKnown else {
            throw ValidationError("Say which policy: --policy FILE, or a controller with --dir DIR or slipway login.")
        }
        if !(1...100).contains(count) { throw ValidationError("--count must be 1 to 100, not \(count).") }
        if within <= .zero || within > .days(92) { throw ValidationError("--within must be up to 92d, not \(within).") }
        if let takes, takes <= .zero || takes > .days(7) {
            throw ValidationError("--takes must be up to 7d, not \(takes).")
        }
    }

    func run() async throws {
        var rules = try await rules()
        guard rules.environments.isEmpty || rules.environment(environment) != nil else {
            throw CommandError(
                code: "window.environment", summary: "The policy has no environment \(environment).",
                remedy: "Name one of \(rules.environments.map(\.name.text).joined(separator: ", ")).")
        }
        let takes = takes ?? rules.environment(environment)?.duration ?? .minutes(15)
        let facts = PolicyFacts(
            now: from ?? SystemTime().now(), hosts: try await hosts(), zones: try ZoneFolder.rules(of: rules))
        let holding = rules.take(try await freezes(), of: environment, facts)
        let proposals = rules.proposals(for: environment, takes: takes, within: within, facts, count: count)
        guard !proposals.isEmpty else {
            throw CommandError(
                code: "window.none", summary: "No window of \(environment) leaves \(takes) free within \(within).",
                remedy: "Look further with --within, shorten --takes, or see the windows and freezes of the policy.")
        }
        for freeze in holding {
            Talk.say(
                "Freeze \(freeze.id) holds \(freeze.scopeWords) (\(freeze.reason)): nothing of that starts before slipway freeze "
                    + "lift \(freeze.id) --reason REASON.")
        }
        let zone = rules.windows(of: environment).first.flatMap { facts.zones[$0.window.zone] } ?? .utc
        try output.print(proposals.map { ProposalView(proposal: $0, zone: zone) })
    }

    private func rules() async throws -> ReleasePolicy {
        if let policy { return try PolicyText.read(policy).0 }
        let view = try await connection.withClient { try await $0.policy() }
        return try PolicyFile.parse(Array(view.text.utf8), file: PolicyView.fileName)
    }

    private func freezes() async throws -> [FreezeView] {
        guard connection.isKnown else { return [] }
        return try await connection.withClient { try await $0.freezes() }
    }

    private func hosts() async throws -> [PolicyHost] {
        guard connection.isKnown else { return [] }
        return try await connection.withClient { try await $0.hosts() }
            .filter { $0.environment == environment && query.matches(id: $0.id, labels: $0.labels) }
            .map { PolicyHost(id: $0.id, labels: $0.labels) }
    }
}

private struct ProposalView: Presentable {
    var proposal: WindowProposal
    var zone: ZoneRules

    static let columns = ["START", "DONE BY", "START (UTC)", "RESTRICTION", "BECAUSE", "CLOCK CHANGE"]
    var cells: [String] {
        [
            LocalTime.of(zone).text(proposal.from), LocalTime.of(zone).text(proposal.until), proposal.from.description,
            String(proposal.restriction), proposal.reasons.joined(separator: ", "),
            proposal.clockChange.map(LocalTime.words) ?? "",
        ]
    }
    var name: String { proposal.from.description }
    func encode(to encoder: any Encoder) throws { try proposal.encode(to: encoder) }
}
