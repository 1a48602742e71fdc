import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "A release to hosts now, by the strategy that the policy of their environment allows, and watch it.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var following: FollowOptions
    @OptionGroup var selection: HostSelection

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let request = PushRequest(release: release, hosts: selection.query, environment: selection.environment)
        try await connection.withClient { client in
            let rollout = try await client.push(request)
            Talk.say("Rollout \(rollout.id) of \(rollout.release) to \(rollout.hosts.count.of("host")) has started.")
            try await following.follow(rollout, client: client, output: output)
        }
    }
}
