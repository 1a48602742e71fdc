import ArgumentParser
import ControllerAPI

struct RolloutPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "No new starts; hosts in flight finish.",
        discussion:
            "Of a continuous rollout that is over, its channel is held: no newer release starts by itself until resume."
    )

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String?

    func run() async throws { try await verb.perform(.pause, RolloutVerbRequest(reason: reason)) }
}
