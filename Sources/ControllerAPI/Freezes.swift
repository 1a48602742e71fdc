import ReleaseDefinition

/// `POST /v1/freezes`: nothing starts from now on in what it names, but back-outs and emergencies; what is under way halts.
public struct FreezeRequest: Sendable, Equatable, Codable {
    public var reason: String
    /// nil: all.
    public var environment: EnvironmentName?
    public var product: ProductName?
    /// A rollout that touches one of these is frozen; nil: all.
    public var hosts: HostQuery?

    public init(
        reason: String, environment: EnvironmentName? = nil, product: ProductName? = nil, hosts: HostQuery? = nil
    ) {
        self.reason = reason
        self.environment = environment
        self.product = product
        self.hosts = hosts
    }
}

/// Each of `GET /v1/freezes`, the newest last, and the answers of `POST /v1/freezes` and `POST /v1/freezes/{id}/lift`.
public struct FreezeView: Sendable, Equatable, Codable {
    /// Whose word it is: somebody's, now, or the policy's, long before.
    public enum Origin: String, Sendable, Codable, CaseIterable { case now, policy }

    /// `f1`; of the policy its line, as `policy.yaml:12:5`.
    public var id: String
    public var origin: Origin
    public var reason: String
    /// Empty: all.
    public var environments: [EnvironmentName]
    public var product: ProductName?
    public var hosts: HostQuery
    public var from: UTCInstant
    /// nil: until somebody lifts it.
    public var until: UTCInstant?
    public var by: String
    public var isStanding: Bool
    public var liftedAt: UTCInstant?
    public var liftedBy: String?
    public var liftReason: String?
    /// What it halted.
    public var rollouts: [RolloutID]
    /// Hosts that it concerns now; hosts that are to come are meant as well. nil: of the policy, or an older controller's.
    public var hostCount: Int?

    public init(
        id: String, origin: Origin, reason: String, environments: [EnvironmentName], product: ProductName?,
        hosts: HostQuery, from: UTCInstant, until: UTCInstant?, by: String, isStanding: Bool,
        liftedAt: UTCInstant? = nil, liftedBy: String? = nil, liftReason: String? = nil, rollouts: [RolloutID] = [],
        hostCount: Int? = nil
    ) {
        self.hostCount = hostCount
        self.id = id
        self.origin = origin
        self.reason = reason
        self.environments = environments
        self.product = product
        self.hosts = hosts
        self.from = from
        self.until = until
        self.by = by
        self.isStanding = isStanding
        self.liftedAt = liftedAt
        self.liftedBy = liftedBy
        self.liftReason = liftReason
        self.rollouts = rollouts
    }

    /// `staging, web, role=shop`.
    public var scopeWords: String {
        let parts =
            environments.map(\.text) + [product?.text, hosts == .all ? nil : hosts.text].compactMap { $0 }
        return parts.isEmpty ? "everything" : parts.joined(separator: ", ")
    }
}

extension ControllerClient {
    public func freezes() async throws -> [FreezeView] {
        try await all(["freezes"])
    }

    public func freeze(_ request: FreezeRequest) async throws -> FreezeView { try await post(["freezes"], request) }

    /// - Parameter id: of the form of a host's id.
    public func lift(_ id: HostID, _ request: ReasonRequest) async throws -> FreezeView {
        try await post(["freezes", id.text, "lift"], request)
    }
}

extension ReleasePolicy {
    /// Takes in what people declared, as far as it decides when hosts may start: one with an end hides the dates in it.
    /// - Returns: the others that hold, which hide no date and are to be told: those that nobody has lifted yet and that have no
    ///   end, and those of one product alone.
    public mutating func take(
        _ declared: [FreezeView], of environment: EnvironmentName, _ facts: PolicyFacts
    ) -> [FreezeView] {
        let standing = declared.filter { freeze in
            freeze.origin == .now && freeze.liftedAt == nil && (freeze.until.map { facts.now < $0 } ?? true)
                && PolicyFreeze(
                    freeze: Freeze(from: freeze.from, until: freeze.until ?? freeze.from, reason: freeze.reason),
                    environments: freeze.environments, hosts: freeze.hosts
                ).concerns(environment, facts.hosts)
        }
        freezes += standing.filter { $0.product == nil }.compactMap { freeze in
            freeze.until.map { PolicyFreeze(freeze: Freeze(from: freeze.from, until: $0, reason: freeze.reason)) }
        }
        return standing.filter { $0.until == nil || $0.product != nil }
    }
}
