import ArgumentParser
import ControllerAPI

struct RolloutResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on after a pause or a halt; acknowledges the failures so far.",
        discussion:
            "Of a continuous rollout that is over, lets its channel go again. A phase that waits for it is promoted instead."
    )

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws { try await verb.perform(.resume, RolloutVerbRequest(reason: reason)) }
}
