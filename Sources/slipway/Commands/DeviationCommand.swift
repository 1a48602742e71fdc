import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct DeviationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deviation",
        abstract: "What went otherwise than planned, may go wrong or is wrong, and what is done.",
        subcommands: [DeviationAddCommand.self, DeviationListCommand.self, DeviationResolveCommand.self])
}

struct DeviationAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Record a deviation, risk or issue of a release, with its owner.",
        discussion:
            "An open issue keeps the release from being operational; an open one of any kind, from being closed.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "Which of the three.")
    var kind: Deviation.Kind = .deviation

    @Option(help: "What it is.")
    var text: String

    @Option(help: "Who sees to it.")
    var owner: String

    @Option(help: "The rollout in which it arose.", transform: { try RolloutID($0) })
    var rollout: RolloutID?

    func run() async throws {
        let request = DeviationRequest(kind: kind, text: text, owner: owner, rollout: rollout)
        let view = try await connection.withClient { try await $0.addDeviation(release, request) }
        if let added = view.deviations.last { try output.print(DeviationPresentation(deviation: added)) }
    }
}

struct DeviationListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The deviations, risks and issues of a release; of all that are open without one.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName?

    func run() async throws {
        let found = try await connection.withClient { client in
            if let release { return try await client.lifecycle(release).deviations }
            return try await client.lifecycles().flatMap { $0.deviations.filter { $0.resolution == nil } }
        }
        try output.print(found.map(DeviationPresentation.init))
    }
}

struct DeviationResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Record what was done about a deviation, risk or issue.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Argument(help: "Its id, as deviation list names it.", transform: { try HostID($0) })
    var id: HostID

    @Option(help: "The corrective action.")
    var action: String

    func run() async throws {
        let view = try await connection.withClient {
            try await $0.resolve(release, deviation: id.text, DeviationResolveRequest(action: action))
        }
        guard let resolved = view.deviations.first(where: { $0.id == id.text }) else { return }
        try output.print(DeviationPresentation(deviation: resolved))
    }
}

extension Deviation.Kind: ExpressibleByArgument {}
