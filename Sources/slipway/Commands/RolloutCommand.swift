import AgentProtocol
import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct RolloutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "Bring a release to hosts, step by step, and back.",
        subcommands: [
            RolloutOrderCommand.self, RolloutPreflightCommand.self, RolloutPlanCommand.self,
            RolloutAuthoriseCommand.self,
            RolloutStartCommand.self, RolloutListCommand.self,
            RolloutShowCommand.self, RolloutWatchCommand.self,
            RolloutPauseCommand.self, RolloutResumeCommand.self, RolloutHaltCommand.self, RolloutStopCommand.self,
            RolloutAbortCommand.self, RolloutBackOutCommand.self, RolloutPromoteCommand.self, RolloutRetryCommand.self,
            RolloutSkipCommand.self, RolloutWhyCommand.self,
        ])
}

struct RolloutPresentation: Presentable {
    var rollout: RolloutView
    var clock = LocalTime.here

    static let columns = ["ROLLOUT", "RELEASE", "ENVIRONMENT", "STATE", "STARTED", "BY", "REASON"]
    var cells: [String] {
        [
            rollout.id.text, rollout.release.description, rollout.environment.text, rollout.state.rawValue,
            clock.text(rollout.startedAt), PlainWords.person(rollout.startedBy),
            rollout.reason.map(clock.plain) ?? "-",
        ]
    }
    var name: String { rollout.id.text }
    func encode(to encoder: any Encoder) throws { try rollout.encode(to: encoder) }

    var details: String {
        let left = rollout.stillRunning.map { [("still running", $0.isEmpty ? "nobody" : HostList.words($0))] } ?? []
        let facts = TextTable(
            pairs: [
                ("rollout", rollout.id.text), ("release", rollout.release.description),
                ("environment", rollout.environment.text), ("hosts", rollout.query.description),
                ("state", stateWords), ("reason", rollout.reason.map(clock.plain) ?? "-"),
                ("started", "\(clock.text(rollout.startedAt)) by \(PlainWords.person(rollout.startedBy))"),
                ("ended", rollout.endedAt.map(clock.text) ?? "-"),
            ] + left + [("next", rollout.nextCommand ?? "-")])
        let phases = TextTable(
            ["PHASE", "SIZE", "STATE", "HOSTS", "SUCCEEDED", "FAILED", "BACKED OUT", "IN FLIGHT"],
            rollout.phases.map {
                [
                    String($0.number), $0.size, $0.state.rawValue, String($0.hosts), String($0.succeeded),
                    String($0.failed), String($0.backedOut), String($0.inFlight),
                ]
            })
        let hosts = TextTable(
            ["HOST", "PHASE", "DELIVERY", "BEFORE", "STEP", "OUTCOME"],
            rollout.hosts.map {
                [
                    $0.host.text, String($0.phase), $0.delivery.rawValue,
                    ($0.before?.text ?? "-") + ($0.isBeforeRevoked == true ? " (revoked)" : ""),
                    $0.step?.rawValue ?? "-", $0.outcome?.words ?? "-",
                ]
            })
        return [facts.text, phases.text, hosts.text].joined(separator: "\n") + failures
    }

    /// `backOutFailed: 1 host could not go back, web-2`
    private var stateWords: String {
        let stuck = rollout.state == .backOutFailed ? rollout.notBackedOut : []
        return rollout.state.rawValue
            + (stuck.isEmpty ? "" : ": \(stuck.count.of("host")) could not go back, \(HostList.words(stuck))")
    }

    private var failures: String { RolloutFailures(rollout).text }
}

/// Why anyone looks at a rollout that went wrong: which host failed, at which step, and the last lines of its log. The hosts
/// whose logs are shown stand last: on a terminal it is the end that is seen.
struct RolloutFailures {
    private let rollout: RolloutView
    static let logLines = 20
    private static let logsMax = 3
    private static let namedMax = 20

    init(_ rollout: RolloutView) { self.rollout = rollout }

    /// Empty: nothing failed.
    var text: String {
        let failed = rollout.hosts.compactMap { row in row.evidence.map { (host: row.host, evidence: $0) } }
        let others = failed.dropFirst(Self.logsMax)
        var lines = others.prefix(Self.namedMax).map { "\n\(Self.heading($0.host, $0.evidence))" }
        if others.count > Self.namedMax {
            lines.append("\n\((others.count - Self.namedMax).of("more host")) failed: --output json has each.\n")
        }
        return lines.joined()
            + failed.prefix(Self.logsMax).map { "\n\(Self.heading($0.host, $0.evidence))\(Self.log($0.evidence))" }
            .joined()
    }

    private static func heading(_ host: HostID, _ evidence: FailureEvidence) -> String {
        let backOut = evidence.backOutError.map { "    back-out: \($0)\n" } ?? ""
        return "\(host) failed at \(evidence.step.rawValue): \(evidence.error)\n\(backOut)"
    }

    private static func log(_ evidence: FailureEvidence) -> String {
        let lines = evidence.logTail.split(whereSeparator: \.isNewline).suffix(logLines).map { "    | \($0)\n" }
        return lines.isEmpty ? "" : "    the last of its log:\n" + lines.joined()
    }
}
