import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a rollout: its phases, its hosts, and what failed.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The rollout's id.", completion: .rollouts, transform: { try RolloutID($0) })
    var rollout: RolloutID

    func run() async throws {
        let view = try await connection.withClient { try await $0.rollout(rollout) }
        try output.print(RolloutPresentation(rollout: view))
    }
}
