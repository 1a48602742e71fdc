import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct EmergencyPushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "A fix to every connected host at once; pulling hosts follow at their next check.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var following: FollowOptions
    @OptionGroup var selection: HostSelection

    @Argument(help: "PRODUCT@VERSION.", transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "What cannot wait, for the record.")
    var reason: String

    @Option(help: "The change record, where one exists.")
    var change: String?

    func run() async throws {
        let request = EmergencyPushRequest(
            release: release, reason: reason, hosts: selection.query, change: change,
            environment: selection.environment)
        try await connection.withClient { client in
            let rollout = try await client.emergencyPush(request)
            Talk.say(
                "Emergency rollout \(rollout.id) of \(rollout.release) to \(rollout.hosts.count) hosts has started.")
            try await following.follow(rollout, client: client, output: output)
        }
    }
}
