import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List hosts: what each should run, what it runs, and how well.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(
        name: .customLong("hosts"), help: "Which hosts, as \"role=web and not pinned\".",
        transform: { try HostQuery($0) })
    var query = HostQuery.all

    func run() async throws {
        let hosts = try await connection.withClient { try await $0.hosts() }
            .filter { query.matches(id: $0.id, labels: $0.labels) }
        switch output.output {
        case .table: try output.print(HostRow.rows(hosts))
        case .json, .ndjson, .name: try output.print(hosts.map { HostRow(host: $0, product: nil) })
        }
    }
}
