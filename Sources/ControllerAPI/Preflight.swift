import ReleaseDefinition

/// `POST /v1/rollouts/preflight`: whether the hosts of a rollout could take it. Nothing is changed.
public struct PreflightRequest: Sendable, Equatable, Codable {
    public static let waitMax = TimeSpan.seconds(20)

    public var rollout: RolloutDefinition
    /// How long hosts in contact may take to say how they stand.
    public var wait: TimeSpan

    public init(rollout: RolloutDefinition, wait: TimeSpan = .seconds(10)) {
        self.rollout = rollout
        self.wait = wait
    }
}

public struct PreflightView: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var checkedAt: UTCInstant
    public var hosts: [PreflightHostView]
    /// What the policy would say to a start now.
    public var refusals: [PolicyRefusal]

    public init(
        release: ReleaseName, environment: EnvironmentName, checkedAt: UTCInstant, hosts: [PreflightHostView],
        refusals: [PolicyRefusal]
    ) {
        self.release = release
        self.environment = environment
        self.checkedAt = checkedAt
        self.hosts = hosts
        self.refusals = refusals
    }
}

public struct PreflightHostView: Sendable, Equatable, Codable {
    public var host: HostID
    public var findings: [ReadinessFinding]
    /// Of what the host said last; nil: it never did.
    public var factsAt: UTCInstant?

    public init(host: HostID, findings: [ReadinessFinding], factsAt: UTCInstant?) {
        self.host = host
        self.findings = findings
        self.factsAt = factsAt
    }

    public var isBlocked: Bool { findings.contains { $0.weight == .blocks } }
}

extension ControllerClient {
    public func preflight(_ request: PreflightRequest) async throws -> PreflightView {
        try await post(["rollouts", "preflight"], request)
    }
}
