import ReleaseDefinition

/// Whom an assignment is for.
public enum AssignmentAudience: Sendable, Equatable {
    case host(HostID)
    /// Every host that follows the channel, whose `HostBucket` in the rollout is below the bound or that is included by
    /// name, and that is not excluded by name.
    case channel(ChannelName, bucketBound: Int64, included: [HostID], excluded: [HostID])
}

/// `{"host": "web-1"}` or `{"channel": {"name": …, "bucketBound": …, "included": […], "excluded": […]}}`.
extension AssignmentAudience: Codable {
    private enum Keys: String, CodingKey { case host, channel }
    private struct Channel: Codable {
        var name: ChannelName
        var bucketBound: Int64
        var included: [HostID]
        var excluded: [HostID]
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch (container.contains(.host), container.contains(.channel)) {
        case (true, false): self = .host(try container.decode(HostID.self, forKey: .host))
        case (false, true):
            let channel = try container.decode(Channel.self, forKey: .channel)
            self = .channel(
                channel.name, bucketBound: channel.bucketBound, included: channel.included, excluded: channel.excluded)
        default:
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "expected is either a host or a channel"))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .host(let id): try container.encode(id, forKey: .host)
        case .channel(let name, let bucketBound, let included, let excluded):
            try container.encode(
                Channel(name: name, bucketBound: bucketBound, included: included, excluded: excluded), forKey: .channel)
        }
    }
}

/// What a channel says beside its release: hosts that were out of reach until a back-out had ended are ordered back by it
/// still, each by name. Everybody else has left the release, and the channel names another one to them.
public struct TakenBackRelease: Sendable, Hashable, Codable {
    public static let countMax = 8
    public static let hostsMax = 4096

    /// Of the back-out.
    public var order: OrderID
    /// What they leave: revoked by the same assignment.
    public var release: ReleaseName
    public var manifest: SHA256Digest
    public var hosts: [HostID]

    public init(order: OrderID, release: ReleaseName, manifest: SHA256Digest, hosts: [HostID]) {
        (self.order, self.release, self.manifest, self.hosts) = (order, release, manifest, hosts)
    }
}

/// What the director says: this host (or channel) shall run, or leave, this release now. It is the payload of a DSSE
/// envelope and can only name what approvers have signed; it carries no URL, command or path.
public struct Assignment: Sendable, Equatable, Codable {
    public static let payloadType = "application/vnd.slipway.assignment+json"

    public var order: OrderID
    public var environment: EnvironmentName
    public var audience: AssignmentAudience
    public var release: ReleaseName
    /// SHA-256 of the manifest's bytes: what the approvers' role must name as well.
    public var manifest: SHA256Digest
    /// `TargetPath.manifest(…)` of the release, in the environment's role or the emergency role.
    public var targetPath: String
    /// The sequence of the controller's event that this comes from: never falls for a host and product.
    public var counter: Int64
    public var notBefore: UTCInstant?
    public var expiresAt: UTCInstant
    /// Manifests that no host of this environment and product may install or return to. What runs goes on.
    public var revoked: [SHA256Digest]
    /// Releases that were backed out while hosts were out of reach: these leave them when they hear it. nil for none.
    public var takenBack: [TakenBackRelease]?
    /// Shorter ways to the release's payloads, for hosts that run the releases they begin at; nil for none.
    public var patches: [AssignedPatch]?
    /// Bytes a second that a host's downloads for it may take together; nil: what the host allows.
    public var bandwidth: ByteCount?
    /// The hosts that run the release's migrations, each once; nil: it has none, or no rollout says who.
    public var migrates: [HostID]?
    /// Whether a stop hook of the release that is left may fail (R5): its warning is logged, and the update goes on.
    public var ignoreStopFailure: Bool?
    /// Whether the host that is meant rehearses: installs, backs out, compares, installs, and signs what it saw. Of an order
    /// to one host alone. nil: it installs.
    public var rehearses: Bool?

    public init(
        order: OrderID, environment: EnvironmentName, audience: AssignmentAudience, release: ReleaseName,
        manifest: SHA256Digest, targetPath: String, counter: Int64, notBefore: UTCInstant? = nil,
        expiresAt: UTCInstant, revoked: [SHA256Digest] = [], takenBack: [TakenBackRelease]? = nil,
        patches: [AssignedPatch]? = nil, bandwidth: ByteCount? = nil, migrates: [HostID]? = nil,
        ignoreStopFailure: Bool? = nil, rehearses: Bool? = nil
    ) {
        self.order = order
        self.environment = environment
        self.audience = audience
        self.release = release
        self.manifest = manifest
        self.targetPath = targetPath
        self.counter = counter
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.revoked = revoked
        self.takenBack = takenBack
        self.patches = patches
        self.bandwidth = bandwidth
        self.migrates = migrates
        self.ignoreStopFailure = ignoreStopFailure
        self.rehearses = rehearses
    }

    /// Whether the host is meant; for a channel the caller sees to it that the host follows it.
    public func addresses(host: HostID) -> Bool {
        switch audience {
        case .host(let id): id == host
        case .channel(_, let bucketBound, let included, let excluded):
            !excluded.contains(host)
                && (included.contains(host)
                    || Int64(HostBucket(rollout: order.rollout, host: host).value) < bucketBound)
        }
    }

    /// Signs the assignment with the director's keys: what travels.
    public func signed(by keys: [SigningKey]) throws -> DSSEEnvelope {
        try .sign(try JSONCoding.canonicalBytes(of: self), type: Self.payloadType, keys: keys)
    }

    /// The release comes from the product's emergency role.
    public var isEmergency: Bool { targetPath == TargetPath.manifest(.emergency, release) }

    /// Where the approval of its manifest must stand.
    public var place: ApprovalPlace { isEmergency ? .emergency : .environment(environment) }
}
