import ReleaseDefinition

/// A public key and the person (or, online, the service) that holds its private half.
public struct KeyHolder: Sendable, Hashable, Codable {
    public var name: String
    public var key: PublicKey

    public init(name: String, key: PublicKey) {
        self.name = name
        self.key = key
    }

    private enum CodingKeys: String, CodingKey { case name, ed25519 }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        let text = try container.decode(String.self, forKey: .ed25519)
        guard let bytes = Hexadecimal.decode(text), let key = try? PublicKey(ed25519: bytes) else {
            throw DecodingError.dataCorruptedError(
                forKey: .ed25519, in: container, debugDescription: "\(text.debugDescription) is no Ed25519 public key")
        }
        self.key = key
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(Hexadecimal.encode(key.bytes), forKey: .ed25519)
    }
}

/// Who signs for a role, and how many of them must.
public struct RoleSigners: Sendable, Equatable, Codable {
    public var holders: [KeyHolder]
    public var threshold: Int

    public init(_ holders: [KeyHolder], threshold: Int = 1) {
        self.holders = holders
        self.threshold = threshold
    }

    public var keys: [PublicKey] { holders.map(\.key) }

    /// `keyids` and `threshold` of a role. TUF 4.3, 4.5.
    var members: [JSONMember] {
        [
            JSONMember("keyids", .array(keys.map { .string($0.keyID) })),
            JSONMember("threshold", .integer(Int64(threshold))),
        ]
    }

    /// - Throws: `trust.writer.threshold`, `trust.writer.keyTwice`.
    public func check(_ role: String) throws(TrustError) {
        guard threshold >= 1, threshold <= holders.count else {
            throw .writer(
                "threshold", "\(threshold) of \(holders.count) keys for \(role) can never sign",
                remedy: "Ask for at least 1 and at most \(holders.count) of them, or name more keys.")
        }
        guard Set(keys).count == keys.count, Set(holders.map { Array($0.name.utf8) }).count == holders.count else {
            throw .writer(
                "keyTwice", "a key or a person stands twice among those of \(role)",
                remedy: "One person has one vote: name each once.")
        }
    }
}

/// Who approves releases of every product, and who may approve hot fixes.
public struct ProductSigners: Sendable, Equatable, Codable {
    public var approvers: RoleSigners
    public var emergency: RoleSigners

    public init(approvers: RoleSigners, emergency: RoleSigners) {
        self.approvers = approvers
        self.emergency = emergency
    }

    func signers(in place: ApprovalPlace) -> RoleSigners { place == .emergency ? emergency : approvers }
}

/// Every key and threshold that a new repository starts with.
public struct RepositorySetup: Sendable, Equatable {
    public var root: RoleSigners
    public var targets: RoleSigners
    public var snapshot: RoleSigners
    public var timestamp: RoleSigners
    public var director: RoleSigners
    public var products: ProductSigners

    public init(
        root: RoleSigners, targets: RoleSigners, snapshot: RoleSigners, timestamp: RoleSigners, director: RoleSigners,
        products: ProductSigners
    ) {
        self.root = root
        self.targets = targets
        self.snapshot = snapshot
        self.timestamp = timestamp
        self.director = director
        self.products = products
    }

    /// Profile solo: whoever holds these keys is the only one who signs, threshold 1 each.
    init(_ keys: RepositoryKeys) {
        func signers(_ role: String, _ keys: [SigningKey]) -> RoleSigners {
            RoleSigners(
                keys.enumerated().map { KeyHolder(name: "\(role)-\($0.offset + 1)", key: $0.element.publicKey) })
        }
        self.init(
            root: signers("root", keys.root), targets: signers("targets", keys.targets),
            snapshot: signers("snapshot", keys.snapshot), timestamp: signers("timestamp", keys.timestamp),
            director: signers("director", keys.director), products: ProductSigners(keys))
    }

    /// - Throws: `trust.writer.threshold`, `trust.writer.keyTwice`, `trust.writer.keyShared`.
    func check() throws(TrustError) {
        let roles = [
            ("root", root), ("targets", targets), ("snapshot", snapshot), ("timestamp", timestamp),
            ("director", director), ("approvers", products.approvers), ("emergency", products.emergency),
        ]
        for (role, signers) in roles { try signers.check(role) }
        try Self.requireApart(roles.map { ($0.0 == "emergency" ? "approvers" : $0.0, $0.1.keys) })
    }

    /// A key that is both the director's and a role's would be both authorities, and an online key that approves would
    /// be a thief's only need. Approvers and emergency people may be the same.
    static func requireApart(_ groups: [(owner: String, keys: [PublicKey])]) throws(TrustError) {
        var owners: [PublicKey: String] = [:]
        for (owner, keys) in groups {
            for key in Set(keys) {
                guard let other = owners.updateValue(owner, forKey: key), other != owner else { continue }
                throw .writer(
                    "keyShared", "the key \(key.keyID.prefix(8)) is given for \(other) and for \(owner)",
                    remedy: "Make a key of its own for each.")
            }
        }
    }
}

extension ProductSigners {
    /// Profile solo: whoever holds these keys.
    public init(_ keys: RepositoryKeys) {
        func signers(_ role: String, _ keys: [SigningKey]) -> RoleSigners {
            RoleSigners(
                keys.enumerated().map { KeyHolder(name: "\(role)-\($0.offset + 1)", key: $0.element.publicKey) })
        }
        self.init(approvers: signers("releases", keys.approvers), emergency: signers("emergency", keys.emergency))
    }
}
