import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsDriftCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift", abstract: "List what is not as it was installed, host by host.",
        discussion: """
            By each host's own last look (every six hours, as its agent.json says) and its last report; nobody is asked now. \
            slipway rollout preflight asks the hosts of a rollout.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(
        name: .customLong("hosts"), help: "Which hosts, as \"role=web and not pinned\".",
        transform: { try HostQuery($0) })
    var query = HostQuery.all

    func run() async throws {
        let hosts = try await connection.withClient { try await $0.hosts() }
            .filter {
                query.matches(id: $0.id, labels: $0.labels) && $0.standing != .revoked && $0.standing != .retired
            }
        let drifted = hosts.compactMap(HostDrift.init)
        Talk.say("\(drifted.count) of \(hosts.count.of("host")) said that something is not as it was installed.")
        switch output.output {
        case .table: try output.print(drifted.flatMap(\.rows))
        case .json, .ndjson, .name: try output.print(drifted)
        }
    }
}

/// A host on which something is not as it was installed.
struct HostDrift: Presentable, Decodable {
    var host: HostID
    var environment: EnvironmentName
    var contact: HostContact
    var lastContactAt: UTCInstant?
    /// In the host's words, as `web.config: /etc/web.conf differs`.
    var differences: [String]

    /// nil: there is none.
    init?(_ view: HostView) {
        guard let drift = view.drift, !drift.isEmpty else { return nil }
        (host, environment, contact, lastContactAt) = (view.id, view.environment, view.contact, view.lastContactAt)
        differences = drift
    }

    /// One for each difference.
    fileprivate var rows: [HostDrift] {
        differences.map { difference in
            var row = self
            row.differences = [difference]
            return row
        }
    }

    static let columns = ["HOST", "ENVIRONMENT", "CONTACT", "DIFFERENCE"]
    var cells: [String] { [host.text, environment.text, contact.rawValue, differences.joined(separator: "; ")] }
    var name: String { host.text }
}
