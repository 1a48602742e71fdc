import AgentProtocol
import ReleaseDefinition

public enum RolloutState: String, Sendable, Codable, CaseIterable {
    case running, paused, halted, stopping, backingOut
    /// `backOutFailed`: a back-out was given up, or has ended and left hosts that could not go back.
    case succeeded, stopped, backedOut, backOutFailed, superseded

    /// Nothing follows but an operator's new command.
    public var isFinal: Bool {
        switch self {
        case .running, .paused, .halted, .stopping, .backingOut: false
        case .succeeded, .stopped, .backedOut, .backOutFailed, .superseded: true
        }
    }
}

/// `GET /v1/rollouts/{id}`, and, without hosts, each of `GET /v1/rollouts`.
public struct RolloutView: Sendable, Equatable, Codable {
    public var id: RolloutID
    /// Of the last event that changed it: a reader that has seen it is up to date.
    public var sequence: Int64
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var environment: EnvironmentName
    public var query: HostQuery
    public var isEmergency: Bool
    public var state: RolloutState
    /// Why it is in this state, in words: a gate's verdict, an operator's reason.
    public var reason: String?
    public var startedAt: UTCInstant
    public var startedBy: String
    public var endedAt: UTCInstant?
    public var phases: [PhaseView]
    public var hosts: [RolloutHostView]
    /// Who has, or may have, the release once it is revoked; nil: it is not, or the hosts were not asked for.
    public var stillRunning: [HostID]?
    /// The rollout that has its hosts since; nil: none.
    public var successor: RolloutID?

    public init(
        id: RolloutID, sequence: Int64, release: ReleaseName, manifest: SHA256Digest, environment: EnvironmentName,
        query: HostQuery, isEmergency: Bool, state: RolloutState, reason: String?, startedAt: UTCInstant,
        startedBy: String, endedAt: UTCInstant?, phases: [PhaseView], hosts: [RolloutHostView],
        stillRunning: [HostID]? = nil, successor: RolloutID? = nil
    ) {
        self.stillRunning = stillRunning
        self.successor = successor
        self.id = id
        self.sequence = sequence
        self.release = release
        self.manifest = manifest
        self.environment = environment
        self.query = query
        self.isEmergency = isEmergency
        self.state = state
        self.reason = reason
        self.startedAt = startedAt
        self.startedBy = startedBy
        self.endedAt = endedAt
        self.phases = phases
        self.hosts = hosts
    }
}

extension RolloutView {
    /// Hosts that could not go back to what they ran before, by themselves or by order. None where the hosts were not asked for.
    public var notBackedOut: [HostID] {
        hosts.filter { host in
            switch host.outcome {
            case .backOutFailed: true
            case .failed: host.order?.action == .backOut
            default: false
            }
        }.map(\.host)
    }
}

public enum PhaseState: String, Sendable, Codable, CaseIterable {
    case waiting, running, baking, passed, failed, backingOut, backedOut
    /// The rollout ended under it: nothing in it failed.
    case stopped
}

public struct PhaseView: Sendable, Equatable, Codable {
    /// From 1.
    public var number: Int
    /// `1 host`, `50 %`, `100 %`.
    public var size: String
    public var state: PhaseState
    /// How many hosts this phase adds, and how they stand.
    public var hosts: Int
    public var succeeded: Int
    public var failed: Int
    public var backedOut: Int
    public var inFlight: Int
    public var startedAt: UTCInstant?
    public var endedAt: UTCInstant?

    public init(
        number: Int, size: String, state: PhaseState, hosts: Int, succeeded: Int, failed: Int, backedOut: Int,
        inFlight: Int, startedAt: UTCInstant?, endedAt: UTCInstant?
    ) {
        self.number = number
        self.size = size
        self.state = state
        self.hosts = hosts
        self.succeeded = succeeded
        self.failed = failed
        self.backedOut = backedOut
        self.inFlight = inFlight
        self.startedAt = startedAt
        self.endedAt = endedAt
    }
}

/// One host in a rollout.
public struct RolloutHostView: Sendable, Equatable, Codable {
    public var host: HostID
    /// The number of its phase.
    public var phase: Int
    public var delivery: DeliveryMode
    /// What it ran when the rollout was planned.
    public var before: ReleaseVersion?
    /// That was revoked since, or then: a back-out does not return there. nil: it was not.
    public var isBeforeRevoked: Bool?
    /// The order that counts now; nil: none was sent yet.
    public var order: OrderID?
    public var step: InstallationStep?
    /// nil while in flight.
    public var outcome: HostOutcome?
    public var evidence: FailureEvidence?
    public var startedAt: UTCInstant?
    public var endedAt: UTCInstant?

    public init(
        host: HostID, phase: Int, delivery: DeliveryMode, before: ReleaseVersion?, order: OrderID?,
        step: InstallationStep?, outcome: HostOutcome?, evidence: FailureEvidence?, startedAt: UTCInstant?,
        endedAt: UTCInstant?, isBeforeRevoked: Bool? = nil
    ) {
        self.isBeforeRevoked = isBeforeRevoked
        self.host = host
        self.phase = phase
        self.delivery = delivery
        self.before = before
        self.order = order
        self.step = step
        self.outcome = outcome
        self.evidence = evidence
        self.startedAt = startedAt
        self.endedAt = endedAt
    }
}

/// One event of `GET /v1/rollouts/{id}/events` and `GET /v1/events`: SSE `id` is `sequence`, `event` is `change`. The
/// stream starts with the rollout's first event, or after `Last-Event-ID`; heartbeat comments every 10 s.
public struct RolloutChange: Sendable, Equatable, Codable {
    public static let eventName = "change"

    /// Of the controller's event log: rises, with gaps.
    public var sequence: Int64
    public var at: UTCInstant
    public var rollout: RolloutID
    /// The event's permanent name, dotted: `rollout.started`, `host.succeeded`, `phase.passed`, …
    public var kind: String
    /// One line for people.
    public var text: String
    public var phase: Int?
    public var host: HostID?
    /// Of the rollout after this event.
    public var state: RolloutState

    public init(
        sequence: Int64, at: UTCInstant, rollout: RolloutID, kind: String, text: String, phase: Int?, host: HostID?,
        state: RolloutState
    ) {
        self.sequence = sequence
        self.at = at
        self.rollout = rollout
        self.kind = kind
        self.text = text
        self.phase = phase
        self.host = host
        self.state = state
    }
}
