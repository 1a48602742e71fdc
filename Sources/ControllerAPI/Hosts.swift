import AgentProtocol
import ReleaseDefinition

/// `POST /v1/hosts/invitations`: lets hosts join with these labels, which they cannot choose themselves.
public struct InvitationRequest: Sendable, Equatable, Codable {
    public var environment: EnvironmentName
    public var labels: [String: String]
    /// How many hosts may join with it; at least 1.
    public var uses: Int
    public var lifetime: TimeSpan
    /// Makes it a join policy of this name: long-lived, for fleets that grow by themselves.
    public var policy: String?
    /// Of a join policy: how the ids of its hosts are made, as `web-*`.
    public var names: String?

    public init(
        environment: EnvironmentName, labels: [String: String] = [:], uses: Int = 1, lifetime: TimeSpan = .minutes(10),
        policy: String? = nil, names: String? = nil
    ) {
        self.policy = policy
        self.names = names
        self.environment = environment
        self.labels = labels
        self.uses = uses
        self.lifetime = lifetime
    }
}

public struct InvitationView: Sendable, Equatable, Codable {
    /// What `slipway-agent join` takes; shown once, only its hash is kept.
    public var join: String
    public var expiresAt: UTCInstant

    public init(join: String, expiresAt: UTCInstant) {
        self.join = join
        self.expiresAt = expiresAt
    }
}

public enum HostContact: String, Sendable, Codable, CaseIterable {
    /// Its event stream is open, or, of a pulling host, it reported within two check intervals.
    case online
    case offline
    /// Invited and joined, never heard of since.
    case never
}

/// `GET /v1/hosts/{id}`, and each of `GET /v1/hosts`.
public struct HostView: Sendable, Equatable, Codable {
    public var id: HostID
    public var environment: EnvironmentName
    public var labels: [String: String]
    /// nil until its first inventory.
    public var delivery: DeliveryMode?
    public var contact: HostContact
    public var lastContactAt: UTCInstant?
    /// Of a host that pulls: it asks again by then at the latest. nil: it is pushed to, or was not heard of yet.
    public var nextCheckBy: UTCInstant?
    public var agentVersion: String?
    public var products: [HostProductView]
    /// Whether it is believed. nil from a controller older than this.
    public var standing: HostStanding?
    /// Why it is not, and what cures it.
    public var notice: IdentityNotice?
    public var certificateNotAfter: UTCInstant?
    /// Pinned, in maintenance. nil from a controller older than this.
    public var marks: [HostMarkView]?
    /// What was not as it was installed when the host looked last, in words; nil or empty: nothing.
    public var drift: [String]?
    /// By which labels the host itself still goes, where they are others; nil: these, or its agent does not say so.
    public var labelsOnHost: [String: String]?

    public init(
        id: HostID, environment: EnvironmentName, labels: [String: String], delivery: DeliveryMode?,
        contact: HostContact, lastContactAt: UTCInstant?, agentVersion: String?, products: [HostProductView],
        standing: HostStanding? = .active, notice: IdentityNotice? = nil, certificateNotAfter: UTCInstant? = nil,
        marks: [HostMarkView]? = nil, drift: [String]? = nil, labelsOnHost: [String: String]? = nil,
        nextCheckBy: UTCInstant? = nil
    ) {
        self.nextCheckBy = nextCheckBy
        self.labelsOnHost = labelsOnHost
        self.marks = marks
        self.drift = drift
        self.standing = standing
        self.notice = notice
        self.certificateNotAfter = certificateNotAfter
        self.id = id
        self.environment = environment
        self.labels = labels
        self.delivery = delivery
        self.contact = contact
        self.lastContactAt = lastContactAt
        self.agentVersion = agentVersion
        self.products = products
    }
}

/// One product on one host: what it should run and what it does run.
public struct HostProductView: Sendable, Equatable, Codable {
    public var product: ProductName
    /// What the last decision about this host says; nil where none was made.
    public var wanted: ReleaseVersion?
    /// By the host's own last word; nil: nothing of this product.
    public var running: ReleaseVersion?
    public var manifest: SHA256Digest?
    public var isHealthy: Bool
    /// The rollout that decided `wanted`.
    public var rollout: RolloutID?
    /// What runs was revoked: it goes on until it is backed out. nil from a controller older than this.
    public var isRevoked: Bool?
    /// The order that could not go back: the host takes no other of this product until a person has unlocked it there, and
    /// was not seen healthy since. nil: none, or from a controller older than this.
    public var lockedBy: OrderID?

    public init(
        product: ProductName, wanted: ReleaseVersion?, running: ReleaseVersion?, manifest: SHA256Digest?,
        isHealthy: Bool, rollout: RolloutID?, isRevoked: Bool? = nil, lockedBy: OrderID? = nil
    ) {
        self.lockedBy = lockedBy
        self.isRevoked = isRevoked
        self.product = product
        self.wanted = wanted
        self.running = running
        self.manifest = manifest
        self.isHealthy = isHealthy
        self.rollout = rollout
    }

    /// Runs what it should, and well.
    public var isAsWanted: Bool { isHealthy && running != nil && running == wanted }
}
