import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens", abstract: "What people and their programs sign in with.",
        subcommands: [TokensCreateCommand.self, TokensListCommand.self, TokensRevokeCommand.self])
}

struct TokensCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a token that speaks for a person, and print it this once.",
        discussion: "What the person may do is decided by grants: slipway grants add.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The person, as alice.")
    var person: String

    @Option(name: .customLong("for"), help: "How long it is valid, as 90d.", transform: { try TimeSpan($0) })
    var lifetime = TimeSpan.days(90)

    @Option(help: "What it is for: it stands in the list.")
    var note: String?

    func run() async throws {
        let request = TokenRequest(person: person, lifetime: lifetime, note: note)
        let token = try await connection.withClient { try await $0.createToken(request) }
        try output.print(NewTokenPresentation(token: token))
    }
}

struct TokensListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List tokens by person; never the tokens themselves.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Also those that have expired or were revoked.")
    var all = false

    func run() async throws {
        let all = all
        let tokens = try await connection.withClient { try await $0.tokens() }.filter { all || $0.isGood }
        try output.print(tokens.map(TokenRow.init))
    }
}

struct TokensRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Let nobody in with a token any more, at once.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        help: "The token's id, as slipway tokens list shows it.", completion: .tokens, transform: { try HostID($0) })
    var token: HostID

    @Option(help: "Why: it stands in the log.")
    var reason: String

    func run() async throws {
        let (token, request) = (token, HostReasonRequest(reason: reason))
        try output.print(TokenRow(token: try await connection.withClient { try await $0.revokeToken(token, request) }))
    }
}

private struct NewTokenPresentation: Presentable {
    var token: NewToken

    static let columns = ["TOKEN", "EXPIRES"]
    var cells: [String] { [token.token, token.expiresAt.description] }
    var name: String { token.token }
    /// The token alone, so that it can be piped into a file.
    var details: String { token.token + "\n" }
    func encode(to encoder: any Encoder) throws { try token.encode(to: encoder) }
}

private struct TokenRow: Presentable {
    var token: TokenView

    static let columns = ["ID", "PERSON", "CREATED", "BY", "EXPIRES", "STATE", "NOTE"]
    var cells: [String] {
        [
            token.id, token.person, token.createdAt.description, token.createdBy,
            token.expiresAt?.description ?? "never",
            token.isGood ? "good" : token.revokedBecause.map { "revoked: \($0)" } ?? "expired", token.note ?? "-",
        ]
    }
    var name: String { token.id }
    func encode(to encoder: any Encoder) throws { try token.encode(to: encoder) }
}
