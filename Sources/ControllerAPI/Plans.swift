import AgentProtocol
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
    /// Host by host, in the order of their starts.
    public var hosts: [PlannedHostView]
    /// With every host as slow as its deadlines allow; nil: somebody has to decide, or no window is left.
    public var latestEndAt: UTCInstant?
    /// What a person should know before saying yes.
    public var warnings: [String]

    public init(
        digest: SHA256Digest, plan: JSONValue, release: ReleaseName, environment: EnvironmentName, phases: [[HostID]],
        plannedAt: UTCInstant, plannedBy: String, authorisedBy: [String], needsAuthorisation: Bool,
        authorisedUntil: UTCInstant?, hosts: [PlannedHostView], latestEndAt: UTCInstant?, warnings: [String]
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
        self.hosts = hosts
        self.latestEndAt = latestEndAt
        self.warnings = warnings
    }
}

/// What a plan means for one host.
public struct PlannedHostView: Sendable, Equatable, Codable {
    public var host: HostID
    /// From 1.
    public var phase: Int
    /// From 1, in its phase.
    public var order: Int
    public var delivery: DeliveryMode
    /// What it runs now; nil: nothing of the product.
    public var now: ReleaseName?
    public var then: ReleaseName
    /// What a back-out brings it to: a release, or `nothing`; nil: it cannot be taken back.
    public var backOutTo: String?
    /// After windows and freezes; nil: none is left.
    public var earliestStartAt: UTCInstant?
    /// Why the host would not take it, by what it said last, each with both values; nil: nothing is known to be missing.
    public var missing: [String]?
    /// To fetch, to unpack and to keep beside what it runs, at most; nil: it runs the release.
    public var diskNeeded: ByteCount?

    public init(
        host: HostID, phase: Int, order: Int, delivery: DeliveryMode, now: ReleaseName?, then: ReleaseName,
        backOutTo: String?, earliestStartAt: UTCInstant?, missing: [String]? = nil, diskNeeded: ByteCount? = nil
    ) {
        self.host = host
        self.phase = phase
        self.order = order
        self.delivery = delivery
        self.now = now
        self.then = then
        self.backOutTo = backOutTo
        self.earliestStartAt = earliestStartAt
        self.missing = missing
        self.diskNeeded = diskNeeded
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
    /// Where the rollout names no window; else to the end of the one that is open or opens next.
    public static let lifetime = TimeSpan.days(7)

    public var plan: SHA256Digest
    public var validUntil: UTCInstant

    public init(plan: SHA256Digest, validUntil: UTCInstant) {
        self.plan = plan
        self.validUntil = validUntil
    }
}

/// `POST /v1/rollouts/order`: in which order they go. Nothing is changed.
public struct RolloutOrderRequest: Sendable, Codable {
    public var rollouts: [RolloutDefinition]

    public init(rollouts: [RolloutDefinition]) { self.rollouts = rollouts }
}

extension ControllerClient {
    public func order(_ request: RolloutOrderRequest) async throws -> [RolloutOrder.Step] {
        let list: ListView<RolloutOrder.Step> = try await post(["rollouts", "order"], request)
        return list.items
    }
}
