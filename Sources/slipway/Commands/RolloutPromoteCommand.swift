import ArgumentParser
import ControllerAPI

struct RolloutPromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Let the next phase start: the one that is done waits for it.")

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String?

    func run() async throws { try await verb.perform(.promote, RolloutVerbRequest(reason: reason)) }
}
