import ArgumentParser
import ReleaseDefinition

/// `slipway-controller`.
public struct ControllerCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "slipway-controller",
        abstract: "The daemon that keeps the record, signs, publishes and leads rollouts.",
        discussion: """
            Exit codes: 0 done, 1 failed, 2 usage, 5 conflict.
            """,
        subcommands: [InitialiseCommand.self, RunCommand.self])

    public init() {}
}

struct InitialiseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a controller: its authority, keys, first metadata and admin token.")

    @Option(help: "Folder of the controller; made if absent, must not hold a controller yet.")
    var dir: String
    @Option(help: "HOST:PORT to listen on.")
    var listen = "127.0.0.1:8443"
    @Option(help: "solo: all keys on this machine. team and regulated: not in this version.")
    var profile = "solo"
    @Option(help: "Environments in the order of promotion, separated by commas.")
    var environments = "staging,production"

    func run() async throws {}
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the controller.")

    @Option(help: "Folder of the controller.")
    var dir: String

    func run() async throws {}
}
