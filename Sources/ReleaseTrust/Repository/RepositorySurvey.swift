import ReleaseDefinition

/// Who may sign what in a repository, and until when it is valid: facts for `keys status`, from the metadata alone.
public struct RoleSurvey: Sendable, Equatable {
    /// A top role, `director`, or a product's role.
    public var role: String
    public var threshold: Int
    public var signers: [SignatureStanding.Signer]
    /// nil: no metadata yet, or none of its own (the director).
    public var version: Int64?
    public var expiresAt: UTCInstant?

    public init(
        role: String, threshold: Int, signers: [SignatureStanding.Signer], version: Int64? = nil,
        expiresAt: UTCInstant? = nil
    ) {
        self.role = role
        self.threshold = threshold
        self.signers = signers
        self.version = version
        self.expiresAt = expiresAt
    }
}

extension RepositoryState {
    /// Top roles, the director, products' roles in the order of their delegation.
    public func survey() throws(TrustError) -> [RoleSurvey] {
        let names = holderNames
        func signers(_ keyIDs: some Sequence<String>) -> [SignatureStanding.Signer] {
            keyIDs.sorted().map { SignatureStanding.Signer(keyID: $0, name: names[$0] ?? String($0.prefix(8))) }
        }
        let rootFile = try RootMetadata(parsing: root.canonicalBytes)
        let top = try TargetsMetadata(parsing: targets.canonicalBytes, role: TargetsMetadata.name)
        var rows: [RoleSurvey] = []
        let topRoles: [(RootMetadata.TopRole, JSONValue)] = [
            (.root, root), (.targets, targets), (.snapshot, snapshot), (.timestamp, timestamp),
        ]
        for (role, file) in topRoles {
            let keys = rootFile.keys(of: role)
            rows.append(
                RoleSurvey(
                    role: role.rawValue, threshold: keys.threshold, signers: signers(keys.keys.keys),
                    version: file["signed"]?["version"]?.integerValue, expiresAt: Self.expiry(of: file)))
        }
        if let director = top.director {
            rows.append(
                RoleSurvey(
                    role: "director", threshold: director.threshold, signers: signers(director.keys.map(\.keyID))))
        }
        for delegated in top.delegations?.roles ?? [] {
            let file = roles[delegated.name]
            rows.append(
                RoleSurvey(
                    role: delegated.name, threshold: delegated.keys.threshold,
                    signers: signers(delegated.keys.keys.keys), version: file?["signed"]?["version"]?.integerValue,
                    expiresAt: file.flatMap(Self.expiry)))
        }
        return rows
    }

    private static func expiry(of file: JSONValue) -> UTCInstant? {
        (file["signed"]?["expires"]?.stringValue).flatMap { try? UTCInstant($0) }
    }

    /// Every key that some metadata in force names, and those of new products' approvers.
    public var keyIDs: [String] {
        let rows = (try? survey()) ?? []
        let future = signers.map { ($0.approvers.keys + $0.emergency.keys).map(\.keyID) } ?? []
        return rows.flatMap { $0.signers.map(\.keyID) } + future
    }

    /// Whether these approvers may already sign for a product, in all these environments.
    public func isDelegated(_ product: ProductName, in environments: [EnvironmentName]) -> Bool {
        let places = [ApprovalPlace.emergency] + environments.map { .environment($0) }
        guard let top = try? TargetsMetadata(parsing: targets.canonicalBytes, role: TargetsMetadata.name) else {
            return false
        }
        return places.allSatisfy { top.delegations?.role(named: $0.role(of: product)) != nil }
    }
}
