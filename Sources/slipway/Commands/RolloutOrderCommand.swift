import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutOrderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order", abstract: "In which order several rollouts go, as their releases require one another.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The rollout.yaml files.")
    var files: [String]

    func run() async throws {
        let definitions = try files.map { try RolloutText.read($0) }
        let steps = try await connection.withClient { try await $0.order(RolloutOrderRequest(rollouts: definitions)) }
        try output.print(steps.map { OrderRow(step: $0) })
    }
}

private struct OrderRow: Presentable {
    var step: RolloutOrder.Step

    static let columns = ["STEP", "RELEASE", "ENVIRONMENT", "AFTER"]
    var cells: [String] {
        [
            String(step.step), step.release.description, step.environment.text,
            step.after.isEmpty ? "-" : step.after.map(\.description).joined(separator: ", "),
        ]
    }
    var name: String { step.release.description }
    func encode(to encoder: any Encoder) throws { try step.encode(to: encoder) }
}
