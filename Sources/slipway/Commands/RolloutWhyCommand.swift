import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutWhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "What holds a rollout, or one of its hosts, and when it moves by itself.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The rollout's id.", completion: .rollouts, transform: { try RolloutID($0) })
    var rollout: RolloutID

    @Argument(
        help: "One of its hosts; all that are not done, if left out.", completion: .hosts, transform: { try HostID($0) }
    )
    var host: HostID?

    func run() async throws {
        try output.print(
            RolloutWhyPresentation(why: try await connection.withClient { try await $0.why(rollout, host: host) }))
    }
}

struct HostsWhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Which gate, window, bucket or budget holds a release back from a host.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The host.", completion: .hosts, transform: { try HostID($0) })
    var host: HostID

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        try output.print(
            RolloutWhyPresentation(why: try await connection.withClient { try await $0.why(host, release: release) }))
    }
}

struct RolloutWhyPresentation: Presentable {
    var why: RolloutWhyView
    var clock = LocalTime.here

    static let columns = ["RELEASE", "ROLLOUT", "HELD BY", "NEXT ATTEMPT"]
    var cells: [String] {
        let held = why.reasons.map(\.what) + why.hosts.map(\.hold.what)
        return [
            why.release.description, why.rollout?.text ?? "-", held.isEmpty ? "nothing" : held.joined(separator: ", "),
            why.nextAttemptAt.map(clock.text) ?? "-",
        ]
    }
    var name: String { why.rollout?.text ?? why.release.description }
    func encode(to encoder: any Encoder) throws { try why.encode(to: encoder) }

    var details: String {
        let facts = TextTable(pairs: [
            ("release", why.release.description), ("rollout", why.rollout?.text ?? "-"),
            ("next attempt", why.nextAttemptAt.map(clock.text) ?? "-"),
        ])
        let reasons = why.reasons.map { hold in
            "\(hold.what): \(clock.plain(hold.text))\n" + (hold.remedy.map { "    \($0)\n" } ?? "")
        }.joined()
        let hosts = TextTable(
            ["HOST", "PHASE", "STATE", "HELD BY", "UNTIL", "WHY"],
            why.hosts.map {
                [
                    $0.host.text, String($0.phase), $0.state, $0.hold.what, $0.hold.until.map(clock.text) ?? "-",
                    clock.plain($0.hold.text),
                ]
            })
        let nothing = why.reasons.isEmpty && why.hosts.isEmpty ? "Nothing holds it.\n" : ""
        return [facts.text, reasons + nothing + (why.hosts.isEmpty ? "" : hosts.text)].joined(separator: "\n")
    }
}
