import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Who signs what: the keys of metadata, where they lie, and how they are replaced.",
        subcommands: [
            KeysStatusCommand.self, KeysGenerateCommand.self, KeysSignCommand.self, KeysDropCommand.self,
            KeysDelegateCommand.self, KeysRenewCommand.self, KeysRotateCommand.self, KeysOfflineCommand.self,
            KeysProfileCommand.self,
        ])
}

struct KeysPresentation: Presentable {
    var keys: KeysView

    static let columns = ["PROFILE", "CLAIMS EARNED", "WAITING CHANGES"]
    var cells: [String] {
        [
            keys.profile.rawValue, "\(keys.claims.filter(\.isEarned).count) of \(keys.claims.count)",
            String(keys.changes.count),
        ]
    }
    var name: String { keys.profile.rawValue }
    func encode(to encoder: any Encoder) throws { try keys.encode(to: encoder) }

    var details: String {
        let roles = TextTable(
            ["ROLE", "VERSION", "SIGN", "WHO (* ON THE CONTROLLER)", "EXPIRES"],
            keys.roles.map { role in
                [
                    role.role, role.version.map(String.init) ?? "-", "\(role.threshold) of \(role.holders.count)",
                    role.holders.map { $0.name + ($0.onController ? "*" : "") }.joined(separator: ", "),
                    role.expiresAt.map(\.description) ?? "-",
                ]
            })
        let claims = keys.claims.map { claim in
            "\(claim.isEarned ? "yes" : "NO ")  \(claim.claim)\n" + (claim.missing.map { "       \($0)\n" } ?? "")
        }
        let warnings = keys.roles.compactMap { role in role.warning.map { "WARNING: \(role.role) \($0)\n" } }
        let changes = keys.changes.map { change in
            let votes = change.standings.words
            return
                "\(change.id) \(change.state.rawValue): \(change.summary) (\(votes.isEmpty ? "waits for another change of the same role" : votes))\n"
        }
        let unearned = keys.unearned(keys.profile).count
        let standing = unearned == 0 ? "" : " (NOT EARNED: \(unearned.of("promise")) not kept, see NO below)"
        return
            (["profile \(keys.profile.rawValue)\(standing)\n\n", roles.text, "\n"] + claims
            + (warnings.isEmpty ? [] : ["\n"]) + warnings + (changes.isEmpty ? [] : ["\nwaiting for signatures:\n"])
            + changes).joined()
    }
}

struct KeysStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What this set-up may claim, what is missing, and what expires when.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let keys = try await connection.withClient { try await $0.keys() }
        try output.print(KeysPresentation(keys: keys))
    }
}

struct KeysSignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign", abstract: "Look at a change to signed metadata, and sign it with your keys.",
        discussion: "The ceremony: shown in plain words, signed on this machine; only signatures are sent.")

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The change, as slipway keys status names it.")
    var change: String

    func run() async throws {
        let after = try await signing.connection.withClient { client in
            try await signing.signing(client).run(client.change(change))
        }
        try output.print(after)
    }
}

struct KeysDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop", abstract: "Give up a change that waits for signatures.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The change, as slipway keys status names it.")
    var change: String

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws {
        let view = try await connection.withClient { try await $0.drop(change, ReasonRequest(reason: reason)) }
        Talk.say("The change \(view.id) is dropped.")
        try output.print(view)
    }
}

struct KeysDelegateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delegate", abstract: "Let the approvers sign for a new product: a change of targets.")

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The product.", transform: { try ProductName($0) })
    var product: ProductName

    @Option(help: "Its environments, separated by commas.")
    var environments = "staging,production"

    func run() async throws {
        let names = try environments.split(separator: ",").map { try EnvironmentName(String($0)) }
        try await KeyChange(signing: signing).run(
            [.delegate(product: product, environments: names)], reason: "a new product", output: output)
    }
}

struct KeysRenewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew", abstract: "The same metadata under a new version and expiry: the yearly ceremony.")

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "root, targets, or a product's role as staging-web.")
    var role: String

    func run() async throws {
        try await KeyChange(signing: signing).run([.renew(role: role)], reason: "renewal", output: output)
    }
}
