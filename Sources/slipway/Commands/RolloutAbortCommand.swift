import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutAbortCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "Stop, and keep what is installed or back it out.")

    @OptionGroup var verb: RolloutVerbOptions

    @Option(help: "Why, for the record.")
    var reason: String

    @Option(
        name: .customLong("back-out"),
        help: "Back out too, how far. Nothing given keeps what is installed.")
    var scope: ScopeArgument?

    func run() async throws {
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
