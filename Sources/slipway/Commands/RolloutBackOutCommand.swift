import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutBackOutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "back-out", abstract: "Bring hosts back to what each ran before, and watch it.",
        discussion: """
            The exit code is that of the rollout's final state: 7 once it is backed out. With --host it is about those hosts \
            alone, whatever state the rollout is in: 7 once each of them is back, 1 if one could not be brought back.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var following: FollowOptions
    @OptionGroup var confirming: ConfirmationOptions

    @Argument(help: "The rollout's id.", completion: .rollouts, transform: { try RolloutID($0) })
    var rollout: RolloutID

    @Option(help: "Why, for the record.")
    var reason: String

    @Option(help: "How far; the rollout, if left out.")
    var scope: ScopeArgument?

    @Option(name: .customLong("host"), help: "These hosts alone.", completion: .hosts, transform: { try HostID($0) })
    var hosts: [HostID] = []

    func validate() throws {
        if scope != nil, !hosts.isEmpty { throw ValidationError("Say how far with --scope or --host, not with both.") }
    }

    func run() async throws {
        let whom =
            hosts.isEmpty
            ? scope == .phase ? "the hosts of its newest phase" : "all of its hosts" : HostList.words(hosts)
        try confirming.require("Take \(whom) back to what ran before \(rollout)?")
        try await connection.withClient { client in
            let request = RolloutVerbRequest(
                reason: reason, scope: hosts.isEmpty ? scope?.scope ?? .rollout : .host,
                hosts: hosts.isEmpty ? nil : hosts)
            // What was before is known, or told by rollout show.
            let before = try await client.rollout(rollout).sequence
            let view = try await client.act(.backOut, on: rollout, request)
            Talk.say("Rollout \(rollout) is \(view.state.rawValue).")
            try await following.follow(view, hosts: hosts, after: before, client: client, output: output)
        }
    }
}
