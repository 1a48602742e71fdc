import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsInvitationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invitation", abstract: "Invitations and join policies that were made.",
        subcommands: [HostsInvitationListCommand.self, HostsInvitationRevokeCommand.self])
}

struct HostsInvitationListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List invitations and join policies; never their strings.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Also those that are used up, expired or revoked.")
    var all = false

    func run() async throws {
        let all = all
        let invitations = try await connection.withClient { try await $0.invitations() }.filter { all || $0.isOpen }
        try output.print(invitations.map(InvitationRow.init))
    }
}

struct HostsInvitationRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Let nobody join with an invitation or join policy any more.",
        discussion: "Hosts that joined with it stay.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The invitation's id, or the name of a join policy.", transform: { try HostID($0) })
    var invitation: HostID

    @Option(help: "Why: it stands in the log.")
    var reason: String

    func run() async throws {
        let (invitation, request) = (invitation, HostReasonRequest(reason: reason))
        let view = try await connection.withClient { try await $0.revokeInvitation(invitation, request) }
        try output.print(InvitationRow(invitation: view))
    }
}

private struct InvitationRow: Presentable {
    var invitation: InvitationRecordView

    static let columns = ["ID", "POLICY", "ENVIRONMENT", "LABELS", "NAMES", "USED", "OF", "EXPIRES", "STATE"]
    var cells: [String] {
        let state = invitation.isOpen ? "open" : invitation.revokedBecause.map { "revoked: \($0)" } ?? "closed"
        return [
            invitation.id, invitation.policy ?? "-", invitation.environment.text,
            invitation.labels.labelWords, invitation.names ?? "-", "\(invitation.used)",
            "\(invitation.uses)", invitation.expiresAt.description, state,
        ]
    }
    var name: String { invitation.policy ?? invitation.id }
    func encode(to encoder: any Encoder) throws { try invitation.encode(to: encoder) }
}
