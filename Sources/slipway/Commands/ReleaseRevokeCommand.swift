import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "No host of the environment may install the release any more.",
        discussion: "Hosts that run it go on; back the rollout out to bring them back.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var confirming: ConfirmationOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "The environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws {
        try confirming.require("Revoke \(release), so that no host of \(environment) installs it any more?")
        let view = try await connection.withClient {
            try await $0.revoke(release, RevocationRequest(environment: environment, reason: reason))
        }
        Talk.say("\(release) is revoked in \(environment).")
        try output.print(ReleasePresentation(release: view))
    }
}
