import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start a rollout and watch it to its end.",
        discussion: """
            Ctrl-C stops watching, never the rollout. The exit code is that of the rollout's final state; 1 once it \
            is halted and no host is under way, where nothing moves until somebody acts.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var following: FollowOptions

    @OptionGroup var rollout: RolloutFileOptions

    @Option(
        help: """
            The digest that rollout plan printed. A material change since then is refused and shown. Left out: it is \
            planned and started at once.
            """, transform: { try SHA256Digest(hex: $0) })
    var plan: SHA256Digest?

    @Option(help: "How many hosts may have come, gone or changed since the plan.")
    var acceptHostChanges = 0

    func validate() throws {
        if acceptHostChanges < 0 {
            throw ValidationError("--accept-host-changes must be 0 or more, not \(acceptHostChanges).")
        }
    }

    func run() async throws {
        let start = try rollout.definition()
        try await connection.withClient { client in
            var digest = plan
            if digest == nil {
                let planned = try await client.plan(start)
                for warning in planned.warnings { Talk.say("warning: \(warning)") }
                Talk.say(
                    "Plan \(planned.digest): \(planned.hosts.count.of("host")) in \(planned.phases.count.of("phase")).")
                digest = planned.digest
            }
            guard let digest else { return }
            let rollout = try await client.start(start, plan: digest, acceptHostChanges: acceptHostChanges)
            Talk.say("Rollout \(rollout.id) of \(rollout.release) to \(rollout.hosts.count.of("host")) has started.")
            try await following.follow(rollout, client: client, output: output)
        }
    }
}
