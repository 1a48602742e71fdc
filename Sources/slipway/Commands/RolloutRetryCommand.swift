import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try hosts once more that failed or were not reached.")

    @OptionGroup var verb: RolloutVerbOptions

    @Argument(help: "The hosts.", completion: .hosts, transform: { try HostID($0) })
    var hosts: [HostID]

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws { try await verb.perform(.retry, RolloutVerbRequest(reason: reason, hosts: hosts)) }
}
