import ArgumentParser
import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

struct EmergencyPushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "A fix to every connected host at once; pulling hosts follow at their next check.",
        discussion: """
            Where emergency people hold the keys, each signs with --key-file; the last one's push goes out. It asks once: for \
            the signature, else for the push.
            """)

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var following: FollowOptions
    @OptionGroup var selection: HostSelection

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "What cannot wait, for the record.")
    var reason: String

    @Option(help: "The change record, where one exists.")
    var change: String?

    func run() async throws {
        let request = EmergencyPushRequest(
            release: release, reason: reason, hosts: selection.query, change: change,
            environment: selection.environment)
        if signing.keyFile.files.isEmpty {
            try signing.confirming.require(
                "Push \(release) at once to \(selection.all ? "every host" : "\(selection.query)"), past windows and "
                    + "freezes?")
        }
        try await signing.connection.withClient { client in
            if !signing.keyFile.files.isEmpty { try await approve(client) }
            let rollout = try await client.emergencyPush(request)
            Talk.say(
                "Emergency rollout \(rollout.id) of \(rollout.release) to \(rollout.hosts.count.of("host")) has started."
            )
            try await following.follow(rollout, client: client, output: output)
        }
    }

    /// The emergency role, signed by this person where it is not yet approved.
    private func approve(_ client: ControllerClient) async throws {
        let place = EnvironmentName(unchecked: ApprovalPlace.emergencyWord)
        let view = try await client.askForEmergency(release, EmergencyApprovalRequest(reason: reason))
        guard view.waiting.contains(where: { $0.environment == place }) else { return }
        let change = try await client.approval(of: release, in: place)
        _ = try await signing.signing(client).run(change, wanted: (.emergency, release))
    }
}
