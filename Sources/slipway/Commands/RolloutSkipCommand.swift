import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutSkipCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip", abstract: "Leave hosts out that have not begun, or were not reached.")

    @OptionGroup var verb: RolloutVerbOptions

    @Argument(help: "The hosts.", completion: .hosts, transform: { try HostID($0) })
    var hosts: [HostID]

    @Option(help: "Why, for the record.")
    var reason: String

    func run() async throws { try await verb.perform(.skip, RolloutVerbRequest(reason: reason, hosts: hosts)) }
}
