import AgentProtocol
import ReleaseDefinition

/// Whether a host is believed.
public enum HostStanding: String, Sendable, Codable, CaseIterable {
    case active
    /// Two agents use its identity: neither is given orders.
    case quarantined
    /// For good.
    case revoked
    /// Out of use; its machine may join again as another host.
    case retired
}

/// `POST /v1/hosts/{id}/…`.
public enum HostStandingVerb: String, Sendable, CaseIterable { case revoke, retire, unlock }

/// Why: it stands in the log.
public struct HostReasonRequest: Sendable, Equatable, Codable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}

/// Each of `GET /v1/hosts/invitations`. The token is not in it: only its hash is kept.
public struct InvitationRecordView: Sendable, Equatable, Codable {
    public var id: String
    /// The name of a join policy.
    public var policy: String?
    public var environment: EnvironmentName
    public var labels: [String: String]
    public var names: String?
    public var uses: Int
    public var used: Int
    public var expiresAt: UTCInstant
    public var isOpen: Bool
    public var revokedBecause: String?

    public init(
        id: String, policy: String?, environment: EnvironmentName, labels: [String: String], names: String?, uses: Int,
        used: Int, expiresAt: UTCInstant, isOpen: Bool, revokedBecause: String?
    ) {
        self.id = id
        self.policy = policy
        self.environment = environment
        self.labels = labels
        self.names = names
        self.uses = uses
        self.used = used
        self.expiresAt = expiresAt
        self.isOpen = isOpen
        self.revokedBecause = revokedBecause
    }
}

/// `GET /v1/hosts/authority`.
public struct AuthorityView: Sendable, Equatable, Codable {
    /// SHA-256 of the certificate of the authority in force.
    public var authority: SHA256Digest
    public var expiresAt: UTCInstant
    /// The one that is taking over; nil: none.
    public var next: SHA256Digest?
    /// Hosts that have no certificate of it yet.
    public var waitingFor: [HostID]

    public init(authority: SHA256Digest, expiresAt: UTCInstant, next: SHA256Digest?, waitingFor: [HostID]) {
        self.authority = authority
        self.expiresAt = expiresAt
        self.next = next
        self.waitingFor = waitingFor
    }
}

/// `POST /v1/hosts/authority/finish`.
public struct AuthorityFinishRequest: Sendable, Equatable, Codable {
    /// Though hosts have not renewed: they must join again.
    public var leaveBehind: Bool

    public init(leaveBehind: Bool = false) { self.leaveBehind = leaveBehind }
}
