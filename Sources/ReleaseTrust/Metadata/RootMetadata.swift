import ReleaseDefinition

/// root: keys and thresholds of the top roles. TUF 4.3.
struct RootMetadata: Sendable {
    static let name = "root"

    let file: SignedMetadata
    let consistentSnapshot: Bool
    private let root: RoleKeys
    private let timestamp: RoleKeys
    private let snapshot: RoleKeys
    private let targets: RoleKeys

    /// The four roles that root names.
    enum TopRole: String { case root, timestamp, snapshot, targets }

    func keys(of role: TopRole) -> RoleKeys {
        switch role {
        case .root: root
        case .timestamp: timestamp
        case .snapshot: snapshot
        case .targets: targets
        }
    }

    init(parsing bytes: [UInt8], accepting algorithms: Set<KeyAlgorithm> = .ours) throws(TrustError) {
        file = try SignedMetadata(
            parsing: bytes, role: Self.name, type: Self.name, sizeMax: TrustLimits.rootSizeMax)
        let signed = MetadataReader(value: file.signed, role: Self.name, path: "signed")
        let table = try KeyTable(reading: try signed.member("keys"), accepting: algorithms)
        let roles = try signed.member("roles")
        root = try RoleKeys(reading: try roles.member("root"), table: table)
        timestamp = try RoleKeys(reading: try roles.member("timestamp"), table: table)
        snapshot = try RoleKeys(reading: try roles.member("snapshot"), table: table)
        targets = try RoleKeys(reading: try roles.member("targets"), table: table)
        consistentSnapshot =
            signed.optional("consistent_snapshot") == nil ? false : try signed.bool("consistent_snapshot")
    }

    /// - Throws: `trust.<role>.signatures`.
    func requireSignatures(
        on file: SignedMetadata, as role: TopRole, check: TrustCheck = .threshold
    ) throws(TrustError) {
        try file.requireSignatures(of: keys(of: role), from: "root version \(self.file.version)", check: check)
    }

    /// TUF 5.3.11.
    func hasRotatedOnlineKeys(since old: RootMetadata) -> Bool {
        timestamp.lostKey(of: old.timestamp) || snapshot.lostKey(of: old.snapshot)
    }

    var publicKeys: Set<PublicKey> {
        [root, timestamp, snapshot, targets].reduce(into: []) { $0.formUnion($1.publicKeys) }
    }
}
