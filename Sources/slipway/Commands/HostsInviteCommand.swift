import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsInviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Print one join string for slipway-agent join.",
        discussion: """
            On the host, as root: slipway-agent join STRING. Whoever holds the string can enrol a host with these labels until it is used up or expires. A join policy is \
            for fleets that grow by themselves: give it --uses, --for and --names, keep its string like a password, and \
            end it with slipway hosts invitation revoke NAME --reason REASON.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .customLong("label"), help: "A label of the host, as role=web. May be repeated.")
    var labels: [String] = []

    @Option(help: "The host's environment, for ever.", transform: { try EnvironmentName($0) })
    var environment = EnvironmentName(unchecked: "staging")

    @Option(help: "How many hosts may join with it.")
    var uses = 1

    @Option(name: .customLong("for"), help: "How long it is valid, as 10m.", transform: { try TimeSpan($0) })
    var lifetime = TimeSpan.minutes(10)

    @Option(help: "Make it a join policy of this name.", transform: { try HostID($0) })
    var policy: HostID?

    @Option(help: "Of a join policy: how the ids of its hosts are made, as 'web-*'.")
    var names: String?

    func run() async throws {
        let request = InvitationRequest(
            environment: environment, labels: try Self.parse(labels: labels), uses: uses, lifetime: lifetime,
            policy: policy?.text, names: names)
        let invitation = try await connection.withClient { try await $0.invite(request) }
        // On a terminal what follows is one command, to be copied as it stands; a pipe gets the string alone.
        if output.output == .table, StandardOutput.isTerminal {
            Talk.say("For \(uses.of("host")), until \(invitation.expiresAt). On it, as root:\n\nslipway-agent join \\")
        }
        try output.print(InvitationPresentation(invitation: invitation))
    }

    static func parse(labels: [String]) throws -> [String: String] {
        var parsed: [String: String] = [:]
        for label in labels {
            let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("\(label.debugDescription) is no label: write KEY=VALUE.")
            }
            guard parsed.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("The label \(parts[0]) stands twice.")
            }
        }
        return parsed
    }
}

private struct InvitationPresentation: Presentable {
    var invitation: InvitationView

    static let columns = ["JOIN", "EXPIRES"]
    var cells: [String] { [invitation.join, invitation.expiresAt.description] }
    var name: String { invitation.join }
    /// The string alone, so that it can be piped.
    var details: String { invitation.join + "\n" }
    func encode(to encoder: any Encoder) throws { try invitation.encode(to: encoder) }
}
