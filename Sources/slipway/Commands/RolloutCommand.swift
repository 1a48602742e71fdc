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

    static let columns = ["ROLLOUT", "RELEASE", "ENVIRONMENT", "STATE", "STARTED", "BY", "REASON"]
    var cells: [String] {
        [
            rollout.id.text, rollout.release.description, rollout.environment.text, rollout.state.rawValue,
            rollout.startedAt.description, rollout.startedBy, rollout.reason ?? "-",
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
                ("state", rollout.state.rawValue), ("reason", rollout.reason ?? "-"),
                ("started", "\(rollout.startedAt) by \(rollout.startedBy)"),
                ("ended", rollout.endedAt?.description ?? "-"),
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

    /// What failed, with the last lines of its log: the reason anyone looks here.
    private var failures: String {
        rollout.hosts.compactMap { row in
            row.evidence.map { evidence in
                let log = evidence.logTail.split(separator: "\n").suffix(5).map { "    | \($0)\n" }.joined()
                let backOut = evidence.backOutError.map { "    back-out: \($0)\n" } ?? ""
                return "\n\(row.host) failed at \(evidence.step.rawValue): \(evidence.error)\n\(log)\(backOut)"
            }
        }.joined()
    }
}
