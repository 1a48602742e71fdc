import ArgumentParser
import ControllerAPI

struct RolloutHaltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "halt", abstract: "Pause with a reason, as a failed gate does.")

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws { try await verb.perform(.halt, RolloutVerbRequest(reason: reason)) }
}
