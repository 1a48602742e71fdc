import ArgumentParser
import ControllerAPI

struct RolloutStopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "No new starts for good; hosts before their switch cancel.")

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String?

    func run() async throws { try await verb.perform(.stop, RolloutVerbRequest(reason: reason)) }
}
