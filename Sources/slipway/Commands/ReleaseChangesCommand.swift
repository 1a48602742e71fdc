import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition

struct ReleaseChangesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "changes", abstract: "What was changed lately: the first question of an incident.",
        discussion: """
            Every rollout that began, ended or goes on within --since, the newest first, with the changes that its release's \
            plan names. --affecting takes a product, a host, an environment, or what a change of a plan affects.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "How far back, as 6h.", transform: { try TimeSpan($0) })
    var since = TimeSpan.hours(24)

    @Option(help: "Only what touches this: a product, host, environment, or a thing that plans name.")
    var affecting: String?

    func run() async throws {
        let begin = SystemTime().now() - since
        let (rollouts, lifecycles) = try await connection.withClient { client in
            var rollouts: [RolloutView] = []
            for view in try await client.rollouts() where view.isWithin(begin) {
                // Hosts are asked for only where somebody asks about one.
                if affecting != nil, view.hosts.isEmpty {
                    rollouts.append(try await client.rollout(view.id))
                } else {
                    rollouts.append(view)
                }
            }
            return (rollouts, try await client.lifecycles())
        }
        let plans = Dictionary(lifecycles.map { ($0.release, $0.plan) }) { first, _ in first }
        let rows = rollouts.map { RecentChange($0, plan: plans[$0.release] ?? nil) }
            .filter { change in affecting.map(change.touches) ?? true }
            .sorted { $0.startedAt > $1.startedAt }
        try output.print(rows)
    }
}

extension RolloutView {
    fileprivate func isWithin(_ begin: UTCInstant) -> Bool { startedAt >= begin || (endedAt ?? begin) >= begin }
}

/// A rollout as whoever looks for the cause of an incident needs it.
struct RecentChange: Presentable, Decodable {
    struct Planned: Codable {
        var id: String
        var summary: String
        var affects: [String]
    }

    var rollout: RolloutID
    var release: ReleaseName
    var environment: EnvironmentName
    var state: RolloutState
    var startedAt: UTCInstant
    var startedBy: String
    var endedAt: UTCInstant?
    var isEmergency: Bool
    /// nil: nobody asked for them, see --affecting.
    var hosts: [HostID]?
    /// Of the release's plan; empty: it has none.
    var changes: [Planned]

    init(_ view: RolloutView, plan: ReleasePlan?) {
        rollout = view.id
        release = view.release
        environment = view.environment
        state = view.state
        startedAt = view.startedAt
        startedBy = view.startedBy
        endedAt = view.endedAt
        isEmergency = view.isEmergency
        hosts = view.hosts.isEmpty ? nil : view.hosts.map(\.host)
        changes = (plan?.changes ?? []).map { Planned(id: $0.id, summary: $0.summary, affects: $0.affects) }
    }

    func touches(_ what: String) -> Bool {
        release.product.text == what || release.description == what || environment.text == what
            || (hosts ?? []).contains { $0.text == what }
            || changes.contains { $0.id == what || $0.affects.contains(what) }
    }

    static let columns = ["STARTED", "ROLLOUT", "RELEASE", "ENVIRONMENT", "STATE", "BY", "CHANGES"]
    var cells: [String] {
        [
            startedAt.wholeSeconds.description, rollout.text, release.description, environment.text, state.rawValue,
            startedBy, changes.isEmpty ? "-" : changes.map(\.id).joined(separator: " "),
        ]
    }
    var name: String { rollout.text }
}
