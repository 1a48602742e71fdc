import AgentProtocol
import ReleaseDefinition
import ReleaseRollout

/// What a simulated rollout came to.
public struct SimulationSummary: Sendable, Equatable, Codable {
    public struct Moment: Sendable, Equatable, Codable {
        /// Since the start.
        public var after: TimeSpan
        /// The name of the event.
        public var event: String
        public var text: String
    }

    public var state = ""
    public var hosts = 0
    public var simulated = TimeSpan.zero
    /// Steps of the whole rollout; hosts' own are left out.
    public var timeline: [Moment] = []
    /// Hosts that took up an order to install the release.
    public var hostsChanged = 0
    /// The blast radius: of those, hosts on which it failed, or which had it when it was found bad.
    public var blastRadius = 0
    /// From the first failure to the last host that left the release; nil: nothing was restored.
    public var timeToRestore: TimeSpan?
    public var reports = 0
    public var restarts = 0
    public var clockSteps = 0

    private var touched: Set<HostID> = []
    private var hurt: Set<HostID> = []
    private var holders: Set<HostID> = []
    private var firstFailureAt: UTCInstant?
    private var lastRestoredAt: UTCInstant?

    private enum CodingKeys: CodingKey {
        case state, hosts, simulated, timeline, hostsChanged, blastRadius, timeToRestore, reports, restarts, clockSteps
    }

    public init() {}

    /// What a host did, in truth, whoever came to know of it.
    mutating func note(
        _ hosts: [ModelHost], host: Int, order: OrderID, outcome: HostOutcome, release: ReleaseName, at: UTCInstant
    ) {
        let id = hosts[host].id
        if hosts[host].running == release { holders.insert(id) } else { holders.remove(id) }
        switch order.action {
        case .install:
            touched.insert(id)
            guard outcome != .succeeded else { return }
            hurt.insert(id)
            if firstFailureAt == nil { firstFailureAt = at }
        case .backOut:
            if firstFailureAt == nil { firstFailureAt = at }
            lastRestoredAt = at
        }
    }

    mutating func note(_ event: RolloutEvent, at: UTCInstant) {
        let text: String
        switch event.fact {
        case .phaseStarted(let phase): text = "phase \(phase + 1)"
        case .phasePassed(let phase): text = "phase \(phase + 1)"
        case .bakeStarted(let phase, _): text = "phase \(phase + 1)"
        case .paused(let reason), .halted(let reason), .stopping(let reason): text = reason.text
        case .resumed(_, let reason): text = reason
        case .backOutStarted(let scope, _, let reason):
            text = "\(scope.rawValue): \(reason.text)"
            hurt.formUnion(holders)
        case .ended(let end): text = Self.word(end)
        case .superseded(let by): text = "by \(by)"
        default: return
        }
        timeline.append(Moment(after: at.since(Simulation.start), event: event.name, text: text))
    }

    private static func word(_ end: RolloutEnd) -> String {
        switch end {
        case .succeeded: "succeeded"
        case .backedOut: "backed out"
        case .stopped: "stopped"
        case .failed: "failed"
        case .superseded: "superseded"
        }
    }

    mutating func close(hosts count: Int) {
        hosts = count
        hostsChanged = touched.count
        blastRadius = hurt.count
        if let first = firstFailureAt, let last = lastRestoredAt, last > first { timeToRestore = last.since(first) }
    }
}
