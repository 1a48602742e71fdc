import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct FreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze", abstract: "Stop everything but back-outs, at once, and let it go on.",
        discussion: """
            A freeze that is known beforehand stands in policy.yaml; this is for what nobody knew. Rollouts under way halt, \
            and none starts or goes on until somebody lifts it; back-outs go on. An emergency push goes past it, and the log \
            says so. Where the policy allows it (overrides: freeze), slipway policy override sets it aside for one release.
            """,
        subcommands: [FreezeNowCommand.self, FreezeListCommand.self, FreezeLiftCommand.self])
}

struct FreezeNowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "now", abstract: "Halt every rollout in scope, and let none start, until it is lifted.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var confirming: ConfirmationOptions

    @Option(help: "Why; it stands in the log, and whoever is refused reads it.")
    var reason: String

    @Option(help: "Only of this environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    @Option(help: "Only of this product.", transform: { try ProductName($0) })
    var product: ProductName?

    @Option(help: "Only rollouts that touch one of these, as \"role=shop\".", transform: { try HostQuery($0) })
    var hosts: HostQuery?

    func run() async throws {
        let scope = [environment?.text, product?.text, hosts?.description].compactMap { $0 }
        try confirming.require(
            "Halt every rollout of \(scope.isEmpty ? "everything" : scope.joined(separator: ", ")), and let none start?"
        )
        let request = FreezeRequest(reason: reason, environment: environment, product: product, hosts: hosts)
        let view = try await connection.withClient { try await $0.freeze(request) }
        let halted = view.rollouts.isEmpty ? "" : ": \(view.rollouts.map(\.text).joined(separator: ", "))"
        Talk.say(
            "Freeze \(view.id) stands over \(view.scopeWords). It halted \(view.rollouts.count.of("rollout"))\(halted)."
        )
        if view.hostCount == 0 {
            Talk.say(
                "warning: No host is in its scope now. Is the query what you mean? slipway hosts list shows the labels."
            )
        }
        try output.print(FreezeRow(freeze: view))
    }
}

struct FreezeListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is frozen, and what the policy will freeze; --all with what was lifted.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Those that were lifted too.")
    var all = false

    func run() async throws {
        let views = try await connection.withClient { try await $0.freezes() }
        try output.print(views.filter { all || $0.liftedAt == nil }.map(FreezeRow.init))
    }
}

struct FreezeLiftCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lift", abstract: "End a freeze. What it halted stays halted until somebody resumes it.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The freeze, as f1; may be left out where one alone stands.", completion: .freezes)
    var freeze: String?

    @Option(help: "Why it may end; it stands in the log.")
    var reason: String

    func run() async throws {
        let (freeze, request) = (freeze, ReasonRequest(reason: reason))
        let view = try await connection.withClient { client in
            try await client.lift(try await Self.chosen(freeze, client), request)
        }
        let left =
            view.rollouts.isEmpty
            ? "" : " Halted still, unless resumed since: \(view.rollouts.map(\.text).joined(separator: ", "))."
        Talk.say("Freeze \(view.id) is lifted.\(left)")
        try output.print(FreezeRow(freeze: view))
    }

    /// What may be lifted by that name.
    static func named(_ freeze: String) throws -> HostID {
        // As slipway freeze list names those of the policy.
        if freeze.contains(":") || freeze.hasPrefix("freezes[") {
            throw CommandError(
                code: "freeze.policy", summary: "\(freeze) is a freeze of the policy, which nobody lifts.",
                remedy:
                    "Take it out of the file and put that in force: slipway policy apply FILE --reason REASON. For one "
                    + "release: slipway policy override RELEASE --environment ENVIRONMENT --rule freeze --reason REASON"
            )
        }
        guard let id = try? HostID(freeze) else {
            throw CommandError(
                code: "freeze.unknown", summary: "There is no freeze \(freeze.debugDescription).",
                remedy: "slipway freeze list shows what stands.")
        }
        return id
    }

    private static func chosen(_ freeze: String?, _ client: ControllerClient) async throws -> HostID {
        if let freeze { return try named(freeze) }
        let standing = try await client.freezes().filter { $0.origin == .now && $0.isStanding }
        guard let only = standing.first, standing.count == 1 else {
            let names = standing.map(\.id).joined(separator: ", ")
            throw CommandError(
                code: standing.isEmpty ? "freeze.none" : "freeze.several",
                summary: standing.isEmpty
                    ? "No freeze that a person declared stands." : "\(standing.count) freezes stand: \(names).",
                remedy: standing.isEmpty
                    ? "A freeze of the policy ends by slipway policy apply FILE --reason REASON; slipway freeze list shows both."
                    : "Name one of them.")
        }
        return try HostID(only.id)
    }
}

struct FreezeRow: Presentable {
    var freeze: FreezeView

    static let columns = ["FREEZE", "STATE", "SCOPE", "FROM", "UNTIL", "BY", "REASON"]
    var cells: [String] {
        let state = freeze.isStanding ? "stands" : freeze.liftedAt == nil ? "ahead" : "lifted"
        return [
            freeze.id, state, freeze.scopeWords, freeze.from.description, freeze.until?.description ?? "it is lifted",
            freeze.by, freeze.reason,
        ]
    }
    var name: String { freeze.id }
    func encode(to encoder: any Encoder) throws { try freeze.encode(to: encoder) }
}
