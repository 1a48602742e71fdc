import ReleaseDefinition

/// One change to one role's metadata, by its facts: what people are asked to sign.
public enum RoleEdit: Sendable, Equatable, Codable {
    /// Lists a manifest in the role of an environment or of emergencies.
    case approve(ReleaseApproval)
    /// Takes a manifest back for good.
    case withdraw(ReleaseWithdrawal)
    /// Nothing below may be installed in the place from now on.
    case floor(place: ApprovalPlace, release: ReleaseName)
    /// The same content under a new version and expiry.
    case renew(role: String)
    /// Hands a product's paths to its approvers.
    case delegate(product: ProductName, environments: [EnvironmentName])
    /// New keys of top roles; those that are nil stay.
    case topKeys(TopKeys)
    /// New keys of the director, of all products' approvers and of their emergency people; those that are nil stay.
    case delegatedKeys(DelegatedKeys)

    public struct ReleaseApproval: Sendable, Equatable, Codable {
        public var place: ApprovalPlace
        public var release: ReleaseName
        public var manifest: SHA256Digest
        public var length: ByteCount
        /// Of a hot fix: no host installs it later than this.
        public var notAfter: UTCInstant?

        public init(
            place: ApprovalPlace, release: ReleaseName, manifest: SHA256Digest, length: ByteCount,
            notAfter: UTCInstant? = nil
        ) {
            self.place = place
            self.release = release
            self.manifest = manifest
            self.length = length
            self.notAfter = notAfter
        }
    }

    public struct ReleaseWithdrawal: Sendable, Equatable, Codable {
        public var place: ApprovalPlace
        public var release: ReleaseName
        public var manifest: SHA256Digest

        public init(place: ApprovalPlace, release: ReleaseName, manifest: SHA256Digest) {
            self.place = place
            self.release = release
            self.manifest = manifest
        }
    }

    public struct TopKeys: Sendable, Equatable, Codable {
        public var root: RoleSigners?
        public var targets: RoleSigners?
        public var snapshot: RoleSigners?
        public var timestamp: RoleSigners?

        public init(
            root: RoleSigners? = nil, targets: RoleSigners? = nil, snapshot: RoleSigners? = nil,
            timestamp: RoleSigners? = nil
        ) {
            self.root = root
            self.targets = targets
            self.snapshot = snapshot
            self.timestamp = timestamp
        }
    }

    public struct DelegatedKeys: Sendable, Equatable, Codable {
        public var director: RoleSigners?
        public var approvers: RoleSigners?
        public var emergency: RoleSigners?

        public init(director: RoleSigners? = nil, approvers: RoleSigners? = nil, emergency: RoleSigners? = nil) {
            self.director = director
            self.approvers = approvers
            self.emergency = emergency
        }
    }

    /// The role whose metadata it changes.
    public var role: String {
        switch self {
        case .approve(let it): it.place.role(of: it.release.product)
        case .withdraw(let it): it.place.role(of: it.release.product)
        case .floor(let place, let release): place.role(of: release.product)
        case .renew(let role): role
        case .delegate, .delegatedKeys: TargetsMetadata.name
        case .topKeys: RootMetadata.name
        }
    }
}

/// As its word: `staging`, `emergency`.
extension ApprovalPlace: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let word = try container.decode(String.self)
        if word == Self.emergencyWord {
            self = .emergency
        } else {
            self = .environment(try container.decode(EnvironmentName.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(word)
    }
}
