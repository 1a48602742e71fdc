import ArgumentParser
import ControllerAPI

struct RolloutListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List rollouts, the newest last.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let rollouts = try await connection.withClient { try await $0.rollouts() }
        try output.print(rollouts.sorted { $0.startedAt < $1.startedAt }.map { RolloutPresentation(rollout: $0) })
    }
}
