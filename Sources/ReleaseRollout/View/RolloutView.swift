import AgentProtocol
import ReleaseDefinition

/// A rollout for API and console: words and numbers, nothing to compute.
public struct RolloutView: Sendable, Equatable, Codable {
    public var id: RolloutID
    public var release: ReleaseName
    public var environment: EnvironmentName
    /// `planned`, `running`, `baking`, `paused`, `halted`, `stopping`, `backingOut`, `succeeded`, `backedOut`,
    /// `stopped`, `failed`, `superseded`.
    public var state: String
    /// Whether the verdict is closed.
    public var isOver: Bool
    public var isEmergency: Bool
    public var startedBy: String
    public var startedAt: UTCInstant?
    public var endedAt: UTCInstant?
    public var reason: StatusReason?
    /// From 1; the newest phase that was started.
    public var currentPhase: Int?
    public var bakingUntil: UTCInstant?
    public var nextDeadlineAt: UTCInstant?
    public var isRevoked: Bool
    /// Hosts that still run, or may still run, a release that was revoked or backed out.
    public var stillRunning: [HostID]
    public var phases: [PhaseView]
    public var hosts: [HostView]
}

public struct PhaseView: Sendable, Equatable, Codable {
    /// From 1.
    public var number: Int
    public var name: String
    /// `waiting`, `running`, `baking`, `passed`, `failed`, `backingOut`, `backedOut`, `stopped`, `notReached`.
    public var state: String
    public var hosts: Int
    public var counts: PhaseCounts
    public var failuresAllowed: Int
    public var offlineAllowed: Int
    public var successesRequired: Int
}

/// Each host of a phase is in exactly one of these.
public struct PhaseCounts: Sendable, Equatable, Codable {
    public var waiting = 0
    public var inFlight = 0
    public var succeeded = 0
    public var alreadyCurrent = 0
    public var failed = 0
    /// Not reached: offline, or unable to take the release for reasons that are not the release's.
    public var offline = 0
    public var skipped = 0
    public var gone = 0

    public init() {}
}

public struct HostPlace: Sendable, Equatable {
    public var id: HostID
    /// From 1.
    public var phase: Int
    public var delivery: DeliveryMode
}

public struct HostView: Sendable, Equatable, Codable {
    public var id: HostID
    /// From 1.
    public var phase: Int
    public var delivery: DeliveryMode
    /// `waiting`, `ordered`, `installing`, `backingOut`, or the name of an outcome (semantics 2).
    public var state: String
    public var step: InstallationStep?
    public var failure: FailureClass?
    public var error: ReportedError?
    public var running: ReleaseName?
    /// One sentence: what it waits for or how it ended.
    public var reason: String
    public var deadlineAt: UTCInstant?
}
