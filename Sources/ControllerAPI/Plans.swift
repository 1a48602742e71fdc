import ReleaseDefinition

/// `POST /v1/rollouts/plans` (body: a `RolloutDefinition`), `GET /v1/rollouts/plans/{digest}`: a rollout frozen before it
/// starts, so that people can say yes to exactly this.
public struct RolloutPlanView: Sendable, Codable {
    /// Of the plan's canonical JSON: what an authorisation signs.
    public var digest: SHA256Digest
    public var plan: JSONValue
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var phases: [[HostID]]
    public var plannedAt: UTCInstant
    public var plannedBy: String
    public var authorisedBy: [String]
    /// Nobody may start it without.
    public var needsAuthorisation: Bool
    /// An authorisation ends then.
    public var authorisedUntil: UTCInstant?

    public init(
        digest: SHA256Digest, plan: JSONValue, release: ReleaseName, environment: EnvironmentName, phases: [[HostID]],
        plannedAt: UTCInstant, plannedBy: String, authorisedBy: [String], needsAuthorisation: Bool,
        authorisedUntil: UTCInstant?
    ) {
        self.digest = digest
        self.plan = plan
        self.release = release
        self.environment = environment
        self.phases = phases
        self.plannedAt = plannedAt
        self.plannedBy = plannedBy
        self.authorisedBy = authorisedBy
        self.needsAuthorisation = needsAuthorisation
        self.authorisedUntil = authorisedUntil
    }
}

/// `POST /v1/rollouts/plans/{digest}/authorisations`: DSSE over `RolloutConsent`, apart from any package approval.
public struct RolloutAuthorisation: Sendable, Codable {
    public var envelope: JSONValue

    public init(envelope: JSONValue) { self.envelope = envelope }
}

/// The payload that is signed.
public struct RolloutConsent: Sendable, Equatable, Codable {
    public static let payloadType = "application/vnd.slipway.rollout-authorisation+json"
    /// Where no window says otherwise.
    public static let lifetime = TimeSpan.days(7)

    public var plan: SHA256Digest
    public var validUntil: UTCInstant

    public init(plan: SHA256Digest, validUntil: UTCInstant) {
        self.plan = plan
        self.validUntil = validUntil
    }
}
