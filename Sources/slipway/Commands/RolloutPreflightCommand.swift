import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutPreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight", abstract: "Look at every host of a rollout before any is touched: could it take it?",
        discussion: """
            Looked at are contact, identity (a host that is there twice), the agent's version, the clock, free space, \
            required products, files changed on the disk, and health. Hosts in contact are asked now. Ends with 1 if a \
            host would not take the release, with 6 if only the policy says no.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @OptionGroup var rollout: RolloutFileOptions

    @Option(help: "How long hosts may take to answer, as 10s; 20s at most.", transform: { try TimeSpan($0) })
    var wait = TimeSpan.seconds(10)

    func validate() throws {
        if wait < .zero || wait > PreflightRequest.waitMax {
            throw ValidationError("--wait must be up to \(PreflightRequest.waitMax), not \(wait).")
        }
    }

    func run() async throws {
        let definition = try rollout.definition()
        let view = try await connection.withClient {
            try await $0.preflight(PreflightRequest(rollout: definition, wait: wait))
        }
        let blocked = view.hosts.count { $0.isBlocked }
        switch output.output {
        case .table: try output.print(PreflightRow.rows(view.hosts))
        case .json, .ndjson, .name: try output.print(view.hosts.map { PreflightRow(host: $0, finding: nil) })
        }
        for refusal in view.refusals { Talk.say("\(PolicyView.fileName):\(refusal)") }
        guard !view.hosts.isEmpty else {
            throw CommandError(
                code: "preflight.noHosts", summary: "No host of \(definition.environment) matches \(definition.hosts).",
                remedy: "Look with slipway hosts list.")
        }
        Talk.say("\(view.hosts.count - blocked) of \(view.hosts.count) hosts are ready for \(view.release).")
        if blocked > 0 { throw ProgramExit.failed }
        if !view.refusals.isEmpty { throw ProgramExit.notNow }
    }
}

private struct PreflightRow: Presentable {
    var host: PreflightHostView
    var finding: ReadinessFinding?

    /// One for each finding; one for a host without.
    static func rows(_ hosts: [PreflightHostView]) -> [PreflightRow] {
        hosts.flatMap { host in
            host.findings.isEmpty
                ? [PreflightRow(host: host, finding: nil)] : host.findings.map { PreflightRow(host: host, finding: $0) }
        }
    }

    static let columns = ["HOST", "CHECK", "WEIGHT", "FINDING"]
    var cells: [String] {
        [host.host.text, finding?.check.rawValue ?? "", finding?.weight.rawValue ?? "ready", finding?.detail ?? ""]
    }
    var name: String { host.host.text }
    func encode(to encoder: any Encoder) throws { try host.encode(to: encoder) }
}
