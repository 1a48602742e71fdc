import ReleaseDefinition

/// `POST /v1/rehearsals`: hosts that are connected now install the release, back it out, compare, install it, and sign what
/// they saw; it becomes evidence about the release. With a plan they do it phase by phase, and the whole has a statement too.
public struct RehearsalRequest: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var hosts: HostQuery
    /// nil: the one environment of the hosts that match; hosts of several are refused.
    public var environment: EnvironmentName?
    /// The rollout that is rehearsed: its phases and limits are kept, on the hosts named above; the release, hosts and
    /// environment that it names itself are not. nil: every host at once.
    public var plan: RolloutDefinition?

    public init(
        release: ReleaseName, hosts: HostQuery, environment: EnvironmentName? = nil, plan: RolloutDefinition? = nil
    ) {
        self.release = release
        self.hosts = hosts
        self.environment = environment
        self.plan = plan
    }
}

public enum RehearsalState: String, Sendable, Codable, CaseIterable {
    /// The host has not said how it ended.
    case ordered
    /// It installed, went back to what it was, and installed again; the statement is evidence.
    case proved
    /// The release backed out by itself.
    case backedOut
    case failed
    /// The host never answered.
    case expired
    /// Its turn has not come: hosts of its phase, or of the phases before, are at it.
    case waiting
    /// A host before it did not prove it: nothing was ordered.
    case notReached

    public var isFinal: Bool { self != .ordered && self != .waiting }
}

public struct RehearsalHostView: Sendable, Equatable, Codable {
    public var host: HostID
    public var state: RehearsalState
    /// What was seen, step by step, then what differed; while it goes on, the step that is being taken.
    public var seen: [String]
    /// Of the statement: `slipway release evidence show`.
    public var evidence: SHA256Digest?
    /// Of the plan that is rehearsed; nil: there is none.
    public var phase: String?

    public init(
        host: HostID, state: RehearsalState, seen: [String], evidence: SHA256Digest?, phase: String? = nil
    ) {
        self.host = host
        self.state = state
        self.seen = seen
        self.evidence = evidence
        self.phase = phase
    }
}

/// Of `GET /v1/rehearsals/{id}`, and the answer of `POST /v1/rehearsals`.
public struct RehearsalView: Sendable, Equatable, Codable {
    public var id: RolloutID
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var orderedAt: UTCInstant
    public var by: String
    /// So long the order stands. With a plan, a host that has not answered by then has not proved it.
    public var until: UTCInstant
    public var hosts: [RehearsalHostView]
    /// Of the statement about the whole plan, once no host is waited for; nil: none yet, or no plan is rehearsed.
    public var evidence: SHA256Digest?

    public init(
        id: RolloutID, release: ReleaseName, environment: EnvironmentName, orderedAt: UTCInstant, by: String,
        until: UTCInstant, hosts: [RehearsalHostView], evidence: SHA256Digest? = nil
    ) {
        self.id = id
        self.release = release
        self.environment = environment
        self.orderedAt = orderedAt
        self.by = by
        self.until = until
        self.hosts = hosts
        self.evidence = evidence
    }

    public var isOver: Bool { hosts.allSatisfy(\.state.isFinal) }
}

extension ControllerClient {
    public func rehearse(_ request: RehearsalRequest) async throws -> RehearsalView {
        try await post(["rehearsals"], request)
    }

    public func rehearsal(_ id: RolloutID) async throws -> RehearsalView { try await get(["rehearsals", id.text]) }
}
