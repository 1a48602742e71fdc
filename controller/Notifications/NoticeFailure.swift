import AgentProtocol
import ReleaseDefinition

/// Why a rollout stands still or went back, for whoever reads it on a telephone: which host, at which step, what it said.
struct NoticeFailure: Sendable, Equatable {
    static let hostsMax = 3
    static let linesMax = 20
    /// In bytes, of the lines together; one line may be of any length.
    static let logMax = 8192
    /// The same, of code, what is wrong and what to do together.
    static let errorMax = 4096

    var host: HostID
    var step: String
    /// Code, what is wrong and what to do, of the way back where that failed too.
    var error: String
    /// The last lines of the failing hook or service, secrets masked by the host.
    var log: String

    init(_ host: HostID, _ evidence: FailureEvidence) {
        self.host = host
        step = evidence.step.rawValue
        error = (evidence.backOutError ?? evidence.error).description.bounded(Self.errorMax)
        log = evidence.logTail.split(whereSeparator: \.isNewline).suffix(Self.linesMax).joined(separator: "\n")
            .tail(Self.logMax)
    }

    /// `web-1 failed at checking: agent.health.failed: …`
    var heading: String { "\(host) failed at \(step): \(error)" }

    var json: JSONValue {
        .object([
            JSONMember("host", .string(host.text)), JSONMember("step", .string(step)),
            JSONMember("error", .string(error)), JSONMember("log", .string(log)),
        ])
    }
}

extension FleetState {
    /// Of a rollout's hosts the first that failed, in the order of its phases.
    func failures(of id: RolloutID) -> [NoticeFailure] {
        guard let record = rollouts[id], let plan = record.plan else { return [] }
        let found = plan.phases.lazy.flatMap(\.hosts).compactMap { host -> NoticeFailure? in
            let evidence = record.hosts[host.id]?.order.flatMap { hosts[host.id]?.outcomes[$0]?.evidence }
            return evidence.map { NoticeFailure(host.id, $0) }
        }
        return Array(found.prefix(NoticeFailure.hostsMax))
    }
}
