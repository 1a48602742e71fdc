import ReleaseDefinition

/// `POST /v1/tokens`: a token that speaks for a person, who need not be known yet.
public struct TokenRequest: Sendable, Equatable, Codable {
    public var person: String
    public var lifetime: TimeSpan
    public var note: String?

    public static let lifetimeMax = TimeSpan.days(366)

    public init(person: String, lifetime: TimeSpan, note: String? = nil) {
        self.person = person
        self.lifetime = lifetime
        self.note = note
    }
}

/// The answer: the one time that the token is shown.
public struct NewToken: Sendable, Equatable, Codable {
    public var id: String
    public var person: String
    public var token: String
    public var expiresAt: UTCInstant

    public init(id: String, person: String, token: String, expiresAt: UTCInstant) {
        self.id = id
        self.person = person
        self.token = token
        self.expiresAt = expiresAt
    }
}

/// Each of `GET /v1/tokens`; never the token itself.
public struct TokenView: Sendable, Equatable, Codable {
    public var id: String
    public var person: String
    public var createdAt: UTCInstant
    public var createdBy: String
    /// nil: never, as of the token that `slipway init` made.
    public var expiresAt: UTCInstant?
    public var note: String?
    public var isGood: Bool
    public var revokedBecause: String?

    public init(
        id: String, person: String, createdAt: UTCInstant, createdBy: String, expiresAt: UTCInstant?, note: String?,
        isGood: Bool, revokedBecause: String?
    ) {
        self.id = id
        self.person = person
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.note = note
        self.isGood = isGood
        self.revokedBecause = revokedBecause
    }
}

/// `POST /v1/grants`: a permission set, where it holds; what is nil is not asked.
public struct GrantRequest: Sendable, Equatable, Codable {
    public var person: String
    /// `viewer`, `builder`, `operator`, `approver`, `serviceOwner`, `releaseManager`, `emergency`, `admin`.
    public var set: String
    public var product: ProductName?
    public var environment: EnvironmentName?
    public var hosts: HostQuery?

    public init(
        person: String, set: String, product: ProductName? = nil, environment: EnvironmentName? = nil,
        hosts: HostQuery? = nil
    ) {
        self.person = person
        self.set = set
        self.product = product
        self.environment = environment
        self.hosts = hosts
    }
}

public struct GrantView: Sendable, Equatable, Codable {
    public var id: String
    public var person: String
    public var set: String
    public var product: ProductName?
    public var environment: EnvironmentName?
    public var hosts: HostQuery?
    public var grantedAt: UTCInstant
    public var grantedBy: String

    public init(
        id: String, person: String, set: String, product: ProductName?, environment: EnvironmentName?,
        hosts: HostQuery?, grantedAt: UTCInstant, grantedBy: String
    ) {
        self.id = id
        self.person = person
        self.set = set
        self.product = product
        self.environment = environment
        self.hosts = hosts
        self.grantedAt = grantedAt
        self.grantedBy = grantedBy
    }
}

extension ControllerClient {
    public func createToken(_ request: TokenRequest) async throws -> NewToken { try await post(["tokens"], request) }

    public func tokens() async throws -> [TokenView] {
        try await all(["tokens"])
    }

    public func revokeToken(_ id: HostID, _ request: HostReasonRequest) async throws -> TokenView {
        try await post(["tokens", id.text, "revoke"], request)
    }

    public func grant(_ request: GrantRequest) async throws -> GrantView { try await post(["grants"], request) }

    public func grants() async throws -> [GrantView] {
        try await all(["grants"])
    }

    public func removeGrant(_ id: HostID, _ request: HostReasonRequest) async throws -> ListView<GrantView> {
        try await post(["grants", id.text, "remove"], request)
    }
}
