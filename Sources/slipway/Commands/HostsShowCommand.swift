import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one host.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The host's id.", completion: .hosts, transform: { try HostID($0) })
    var host: HostID

    func run() async throws {
        let view = try await connection.withClient { try await $0.host(host) }
        try output.print(HostPresentation(host: view))
    }
}

/// One host in full.
struct HostPresentation: Presentable {
    var host: HostView

    static let columns = HostRow.columns
    var cells: [String] { HostRow(host: host, product: nil).cells }
    var name: String { host.id.text }
    func encode(to encoder: any Encoder) throws { try host.encode(to: encoder) }

    var details: String {
        var pairs = [
            ("host", host.id.text), ("environment", host.environment.text), ("labels", host.labels.labelWords),
            ("delivery", host.delivery?.rawValue ?? "-"), ("contact", host.contact.rawValue),
            ("last contact", host.lastContactAt?.description ?? "-"), ("agent", host.agentVersion ?? "-"),
            ("next check", host.nextCheckBy.map { "by \($0.wholeSeconds)" } ?? "-"),
            ("certificate", host.certificateNotAfter.map { "until \($0)" } ?? "-"),
            ("standing", (host.standing ?? .active).rawValue),
        ]
        if let labels = host.labelsOnHost { pairs.append(("labels there", "still \(labels.labelWords)")) }
        pairs += (host.marks ?? []).map { ($0.mark.rawValue, "since \($0.at) by \($0.by): \($0.reason)") }
        pairs += (host.drift ?? []).map { ("drift", $0) }
        if let notice = host.notice { pairs += [("why", notice.summary), ("cure", notice.remedy)] }
        let facts = TextTable(pairs: pairs)
        let products = TextTable(
            ["PRODUCT", "WANTED", "RUNNING", "HEALTHY", "ROLLOUT"],
            host.products.map {
                [
                    $0.product.text, $0.wanted?.text ?? "-", $0.runningWords, $0.healthWords(on: host),
                    $0.rollout?.text ?? "-",
                ]
            })
        return facts.text + (host.products.isEmpty ? "" : "\n" + products.text)
    }
}

extension [String: String] {
    /// Labels, in the order of their keys.
    var labelWords: String {
        isEmpty ? "-" : sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

extension HostProductView {
    /// A host that could not go back takes no order until somebody has looked; then it says when it is healthy.
    /// Of one that is away, nobody has said that it is healthy since it was last heard of.
    func healthWords(on host: HostView) -> String {
        if isHealthy {
            guard host.contact != .online, running != nil else { return "yes" }
            return host.lastContactAt.map { "silent since \($0)" } ?? "silent"
        }
        return lockedBy.map { "no, \($0) could not go back" } ?? "no"
    }

    /// What runs, and whether it should not any more.
    var runningWords: String {
        guard let running else { return "-" }
        return isRevoked == true ? "\(running) (revoked)" : running.text
    }
}
