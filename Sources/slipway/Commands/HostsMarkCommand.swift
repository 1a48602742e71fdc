import ArgumentParser
import ControllerAPI
import ReleaseDefinition

/// A host that rollouts leave out, or do not leave out any more.
struct HostMarkOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The host's id.", completion: .hosts, transform: { try HostID($0) })
    var host: HostID

    @Option(help: "Why: it stands in the log, and whoever asks why the host is left out reads it.")
    var reason: String

    @Flag(help: "It is over: rollouts take the host along again.")
    var lift = false

    func change(_ mark: HostMarkKind) async throws {
        let (host, request, lift) = (host, HostMarkRequest(mark: mark, reason: reason), lift)
        let view = try await connection.withClient { client in
            lift ? try await client.unmark(host, request) : try await client.mark(host, request)
        }
        if !view.skippedIn.isEmpty {
            Talk.say("It is skipped in \(view.skippedIn.map(\.text).joined(separator: ", ")).")
        }
        if !view.goesOnIn.isEmpty {
            let rollouts = view.goesOnIn.map(\.text).joined(separator: ", ")
            Talk.say("warning: \(rollouts) has begun on it, and goes on there to its end.")
        }
        try output.print(HostPresentation(host: view.host))
    }
}

struct HostsPinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keep what a host runs: rollouts leave it out until --lift.",
        discussion: """
            What has not begun on it is skipped, as by slipway rollout skip; what has begun there ends. An emergency push \
            goes past it, unless its query says "not pinned". A pulling host is left out by its channel, and meant by it \
            again as soon as the pin is lifted.
            """)

    @OptionGroup var options: HostMarkOptions

    func run() async throws { try await options.change(.pinned) }
}

struct HostsMaintenanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance", abstract: "Work on a host: rollouts leave it out until --lift.",
        discussion: """
            Like a pin, and slipway hosts doctor takes it for no trouble that the host is away. An emergency push goes past \
            it, unless its query says "not maintenance".
            """)

    @OptionGroup var options: HostMarkOptions

    func run() async throws { try await options.change(.maintenance) }
}
