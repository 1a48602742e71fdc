import ArgumentParser
import ControllerAPI
import DefinitionFiles
import ReleaseDefinition

struct RolloutStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start a rollout and watch it to its end.",
        discussion: "Ctrl-C stops watching, never the rollout. The exit code is that of the rollout's final state.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var following: FollowOptions

    @Argument(help: "A rollout.yaml: release, environment, hosts, strategy, limits.")
    var file: String

    @Option(help: "Another release than the file names.", transform: { try ReleaseName($0) })
    var release: ReleaseName?

    @Option(help: "Another environment than the file names.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    func run() async throws {
        var definition = try RolloutFile.parse(InputFile.read(file), file: file)
        if let release { definition.release = release }
        if let environment { definition.environment = environment }
        let start = definition
        try await connection.withClient { client in
            let rollout = try await client.start(start)
            Talk.say("Rollout \(rollout.id) of \(rollout.release) to \(rollout.hosts.count) hosts has started.")
            try await following.follow(rollout, client: client, output: output)
        }
    }
}
