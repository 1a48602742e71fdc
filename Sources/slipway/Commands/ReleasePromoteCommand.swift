import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleasePromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Approve the same bytes for another environment.",
        discussion: "Nothing is built or uploaded again: the manifest that is approved already is signed once more.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(name: .customLong("to"), help: "The environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    func run() async throws {
        let view = try await connection.withClient {
            try await $0.promote(release, PromotionRequest(environment: environment))
        }
        Talk.say(view.words(in: environment))
        try output.print(ReleasePresentation(release: view))
    }
}

extension ReleaseView {
    /// Where its approval stands.
    func words(in environment: EnvironmentName) -> String {
        guard let waiting = waiting.first(where: { $0.environment == environment }) else {
            return environments.contains { $0.environment == environment }
                ? "\(release) is approved for \(environment) and published."
                : "\(release) is recorded and not approved for \(environment): your token may submit, not approve. Somebody "
                    + "who may approves it with: slipway release promote \(release) --to \(environment)"
        }
        let first = waiting.waitsFor.map { "First, \($0). " } ?? ""
        return "\(release) waits for approval in \(environment): \(waiting.words). \(first)An approver "
            + "signs with: slipway release approve \(release) --environment \(environment) --key-file F"
    }
}
