import ArgumentParser
import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

struct ReleaseWithdrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Approvers take a release back for good: no director can undo it.",
        discussion: """
            Proposed to the approvers of the environment, and signed with your key where one is given; it holds when \
            enough have signed. To stop a release at once, revoke it as well: that needs no approver.
            """)

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "The environment; emergency for the emergency role.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws {
        let view = try await signing.connection.withClient { client in
            let view = try await client.withdraw(
                release, WithdrawalRequest(environment: environment, reason: reason))
            let isDone = view.environments.contains { $0.environment == environment && $0.withdrawnAt != nil }
            if isDone {
                Talk.say("\(release) is withdrawn in \(environment).")
                return view
            }
            let change = try await client.approval(of: release, in: environment)
            if let first = change.waitsFor?.first {
                Talk.say(
                    "Proposed as \(change.id), BUT NOBODY CAN SIGN IT YET: it waits for \(change.blockers). To withdraw "
                        + "now, give that up: slipway keys drop \(first.id) --reason …. To stop hosts at once, without "
                        + "approvers: slipway release revoke \(release) --environment \(environment) --reason ….")
            } else if signing.keyFile.files.isEmpty {
                Talk.say("Proposed: approvers sign it with slipway release withdraw and --key-file.")
            }
            if signing.keyFile.files.isEmpty { return view }
            _ = try await signing.signing(client).run(change)
            return try await client.release(release)
        }
        try output.print(ReleasePresentation(release: view))
    }
}

struct ReleaseFloorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floor", abstract: "Approvers let nothing below a release be installed in an environment.",
        discussion: "Proposed to the approvers; they sign it with slipway keys sign. The reason stands in the log.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        help: "PRODUCT@VERSION: the lowest that may be installed.", completion: .releases,
        transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "The environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws {
        let view = try await connection.withClient {
            try await $0.setFloor(release, FloorRequest(environment: environment, reason: reason))
        }
        Talk.say(
            "Nothing of \(release.product) below \(release.version) in \(environment), once approvers have signed it.")
        try output.print(ReleasePresentation(release: view))
    }
}
