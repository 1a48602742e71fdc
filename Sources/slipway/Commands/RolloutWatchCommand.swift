import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow a rollout to its end, through restarts of the controller.",
        discussion: """
            Ctrl-C stops watching, never the rollout. The exit code is that of the rollout's final state; 1 once it \
            is halted and no host is under way, where nothing moves until somebody acts.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The rollout's id.", completion: .rollouts, transform: { try RolloutID($0) })
    var rollout: RolloutID

    @Option(help: "Stop watching after this time, as 10m.", transform: { try TimeSpan($0) })
    var timeout: TimeSpan?

    func run() async throws {
        try await connection.withClient { client in
            let final = try await RolloutFollower(client: client, output: output).run(rollout, timeout: timeout)
            guard final == .done else { throw final }
        }
    }
}
