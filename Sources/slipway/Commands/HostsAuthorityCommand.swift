import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsAuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authority", abstract: "The certificate authority that hosts and controller know each other by.",
        discussion: "It makes TLS possible and authorises no release.",
        subcommands: [
            HostsAuthorityShowCommand.self, HostsAuthorityRotateCommand.self, HostsAuthorityFinishCommand.self,
        ])
}

struct HostsAuthorityShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the authority, and whom its replacement waits for.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let view = try await connection.withClient { try await $0.authority() }
        try output.print(AuthorityPresentation(authority: view))
    }
}

struct HostsAuthorityRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Make a new authority beside the old one; hosts come for new certificates.",
        discussion: "Both are trusted until slipway hosts authority finish.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var confirming: ConfirmationOptions

    func run() async throws {
        try confirming.require("Make a new authority, for which every host and controller gets a new certificate?")
        let view = try await connection.withClient { try await $0.rotateAuthority() }
        try output.print(AuthorityPresentation(authority: view))
    }
}

struct HostsAuthorityFinishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish", abstract: "Drop the old authority, when every host has a certificate of the new one.",
        discussion: """
            Join strings made before it stop working, and people with --authority need the new ca/authority.pem. Refused \
            with their names while hosts have not renewed.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Though hosts have not renewed: they must join again.")
    var leaveBehind = false
    @OptionGroup var confirming: ConfirmationOptions

    func run() async throws {
        try confirming.require(
            "Drop the old authority, so that what was made before the new one stops working"
                + "\(leaveBehind ? ", hosts that have not renewed too" : "")?")
        let request = AuthorityFinishRequest(leaveBehind: leaveBehind)
        let view = try await connection.withClient { try await $0.finishAuthority(request) }
        try output.print(AuthorityPresentation(authority: view))
    }
}

private struct AuthorityPresentation: Presentable {
    var authority: AuthorityView

    static let columns = ["AUTHORITY", "EXPIRES", "NEXT", "WAITING"]
    var cells: [String] {
        [
            authority.authority.hex, authority.expiresAt.description, authority.next?.hex ?? "-",
            "\(authority.waitingFor.count)",
        ]
    }
    var name: String { authority.authority.hex }
    func encode(to encoder: any Encoder) throws { try authority.encode(to: encoder) }

    var details: String {
        var pairs = [("authority", authority.authority.hex), ("expires", authority.expiresAt.description)]
        if let next = authority.next {
            let hosts = authority.waitingFor.prefix(50).map(\.text).joined(separator: " ")
            let more = authority.waitingFor.count > 50 ? " and \(authority.waitingFor.count - 50) more" : ""
            pairs += [("next", next.hex), ("waiting for", hosts.isEmpty ? "nobody" : hosts + more)]
        }
        return TextTable(pairs: pairs).text
    }
}
