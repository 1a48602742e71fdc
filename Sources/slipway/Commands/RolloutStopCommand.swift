import ArgumentParser
import ControllerAPI

struct RolloutStopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "No new starts for good; hosts before their switch cancel.",
        discussion:
            "Of a continuous rollout, also one that is over, this ends the channel: no newer release starts by itself.")

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String?

    func run() async throws { try await verb.perform(.stop, RolloutVerbRequest(reason: reason)) }
}
