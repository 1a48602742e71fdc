import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutAbortCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "Stop, and keep what is installed or back it out.")

    @OptionGroup var verb: RolloutVerbOptions
    @OptionGroup var confirming: ConfirmationOptions

    @Option(help: "Why, for the record.")
    var reason: String

    @Option(
        name: .customLong("back-out"),
        help: "Back out too, how far. Nothing given keeps what is installed.")
    var scope: ScopeArgument?

    func run() async throws {
        let then = scope.map { "take its \($0 == .phase ? "newest phase" : "hosts") back" } ?? "keep what is installed"
        try confirming.require("Abort \(verb.rollout), and \(then)?")
        try await verb.perform(.abort, RolloutVerbRequest(reason: reason, scope: scope?.scope))
    }
}

enum ScopeArgument: String, CaseIterable, ExpressibleByArgument {
    case phase, rollout

    var scope: BackOutScope {
        switch self {
        case .phase: .phase
        case .rollout: .rollout
        }
    }
}
