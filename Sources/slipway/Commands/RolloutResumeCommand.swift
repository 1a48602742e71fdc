import ArgumentParser
import ControllerAPI

struct RolloutResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on after a pause or a halt; acknowledges the failures so far.")

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws { try await verb.perform(.resume, RolloutVerbRequest(reason: reason)) }
}
