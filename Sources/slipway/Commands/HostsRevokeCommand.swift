import ArgumentParser
import ControllerAPI
import ReleaseDefinition

/// A host, and the reason that stands in the log.
struct HostStandingOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The host's id.", completion: .hosts, transform: { try HostID($0) })
    var host: HostID

    @Option(help: "Why: it stands in the log, and the host is told.")
    var reason: String

    func change(_ verb: HostStandingVerb) async throws {
        let (host, request) = (host, HostReasonRequest(reason: reason))
        let view = try await connection.withClient { try await $0.change(host, verb, request) }
        try output.print(HostPresentation(host: view))
    }
}

struct HostsRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Take a host's identity away for good, at once.",
        discussion: """
            Its streams end, its requests are refused, its id is never used again; what runs on it goes on. If it joined \
            by a join policy, whoever had the host may have the policy's string too: revoke the policy as well.
            """)

    @OptionGroup var options: HostStandingOptions
    @OptionGroup var confirming: ConfirmationOptions

    func run() async throws {
        try confirming.require("Take the identity of \(options.host) away for good?")
        try await options.change(.revoke)
    }
}

struct HostsRetireCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire", abstract: "Take a host out of use; its machine may join again as another host.")

    @OptionGroup var options: HostStandingOptions
    @OptionGroup var confirming: ConfirmationOptions

    func run() async throws {
        try confirming.require("Take \(options.host) out of use?")
        try await options.change(.retire)
    }
}

struct HostsUnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "Believe a quarantined host again, after its copy was found and stopped.")

    @OptionGroup var options: HostStandingOptions

    func run() async throws { try await options.change(.unlock) }
}
