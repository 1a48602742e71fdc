import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsLabelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "label", abstract: "Change what hosts are called by: KEY=VALUE sets a label, KEY- removes it.",
        discussion: """
            From then on plans, grants, windows and freezes go by the new labels; so it needs a right over all hosts. Rollouts \
            that have begun keep the hosts they began with, and the answer names those that would choose otherwise now. \
            Nothing is installed because of it. A host hears of it at once, or at its next check if it fetches; until then \
            slipway hosts show names both. Its hooks and services have the new labels from the next start on.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        help: "Hosts, where no query says which; and labels: zone=b, or zone- to remove it.", completion: .hosts)
    var words: [String]

    @Option(help: "Which hosts, as \"role=web and zone in (a,b)\", instead of names.", transform: { try HostQuery($0) })
    var hosts: HostQuery?

    @Flag(help: "Every host.")
    var all = false

    @Option(
        help: "Of --hosts or --all: only those of this environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    @Option(help: "Why: it stands in the log.")
    var reason: String?

    @Flag(help: "Change nothing; say what would be different.")
    var dryRun = false

    func run() async throws {
        let request = try request()
        let view = try await connection.withClient { try await $0.label(request) }
        if !view.frozenIn.isEmpty {
            let rollouts = view.frozenIn.map(\.text).joined(separator: ", ")
            Talk.say(
                "\(rollouts) \(view.isDryRun ? "would go" : "goes") on with the hosts it began with: a rollout's hosts are "
                    + "fixed when it starts.")
        }
        if view.isDryRun { Talk.say("Nothing was changed.") }
        try output.print(LabelsPresentation(view: view))
    }

    func validate() throws { _ = try request() }

    /// A word with `=` or with `-` at its end is a label, any other a host.
    func request() throws -> HostLabelsRequest {
        var (set, remove, names) = ([String](), [String](), [HostID]())
        for word in words {
            if word.contains("=") {
                set.append(word)
            } else if word.count > 1, word.hasSuffix("-") {
                remove.append(String(word.dropLast()))
            } else {
                do { names.append(try HostID(word)) } catch {
                    throw ValidationError("\(word.debugDescription) is neither a host nor KEY=VALUE nor KEY-.")
                }
            }
        }
        let labels = try HostsInviteCommand.parse(labels: set)
        guard !labels.isEmpty || !remove.isEmpty else {
            throw ValidationError("Say which labels: zone=b sets one, zone- removes it.")
        }
        if let both = remove.first(where: { labels[$0] != nil }) {
            throw ValidationError("The label \(both) is to be set and removed: say one of the two.")
        }
        let ways = [!names.isEmpty, hosts != nil, all].count { $0 }
        guard ways == 1 else { throw ValidationError("Say which hosts: by name, --hosts QUERY or --all.") }
        guard environment == nil || names.isEmpty else {
            throw ValidationError("--environment goes with --hosts or --all: a host that is named has one.")
        }
        return HostLabelsRequest(
            hosts: names.isEmpty ? nil : names, query: names.isEmpty ? hosts ?? .all : nil, environment: environment,
            set: labels, remove: remove, reason: reason, isDryRun: dryRun ? true : nil)
    }
}

private struct LabelsPresentation: Presentable {
    var view: HostLabelsView

    static let columns = ["HOST", "CHANGED", "LABELS"]
    var cells: [String] { ["\(view.hosts.count)", "", ""] }
    var name: String { view.hosts.map(\.host.text).joined(separator: "\n") }
    func encode(to encoder: any Encoder) throws { try view.encode(to: encoder) }

    var details: String {
        TextTable(
            Self.columns,
            view.hosts.map { host in
                let changes =
                    host.set.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                    + host.removed.map { "\($0)-" }
                return [
                    host.host.text, changes.isEmpty ? "nothing" : changes.joined(separator: " "),
                    host.labels.labelWords,
                ]
            }
        ).text
    }
}
