import ReleaseDefinition

/// Writes the TUF repository: state and keys in, files and new state out. Plain TUF 1.0.34 with consistent snapshots,
/// which any client reads; our own facts stand in the `x-slipway` member of `signed`.
///
/// Every step throws `trust.writer.…` (or `trust.key.…`) and then nothing was changed.
public enum RepositoryWriter {
    /// The first version of root, targets, snapshot and timestamp; all keys given, threshold 1 each (profile solo).
    public static func create(keys: RepositoryKeys, at now: UTCInstant) throws(TrustError) -> RepositoryChange {
        try create(RepositorySetup(keys), keys: keys, at: now)
    }

    /// The first version of root, targets, snapshot and timestamp. Needs private keys of these four roles, as many as
    /// must sign; of everybody else the public keys in `setup` are enough.
    /// - Parameter products: delegated from the start; their roles get their first version with the first release.
    public static func create(
        _ setup: RepositorySetup, keys: RepositoryKeys, products: [ProductName] = [],
        environments: [EnvironmentName] = [], at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        try setup.check()
        let topRoles = [
            ("root", setup.root), ("targets", setup.targets), ("snapshot", setup.snapshot),
            ("timestamp", setup.timestamp),
        ]
        var root = JSONValue.object([
            JSONMember("consistent_snapshot", .bool(true)),
            JSONMember("keys", RepositoryDraft.table(topRoles.flatMap(\.1.keys))),
            JSONMember("roles", .object(topRoles.map { JSONMember($0.0, .object($0.1.members)) })),
        ])
        CandidateDraft.setHolders(topRoles.flatMap(\.1.holders), in: &root)
        var targets = JSONValue.object([JSONMember("targets", .object([]))])
        let director = [
            JSONMember("keys", RepositoryDraft.table(setup.director.keys)),
            JSONMember("threshold", .integer(Int64(setup.director.threshold))),
        ]
        CandidateDraft.setOwn("director", .object(director), in: &targets)
        CandidateDraft.setSigners(setup.products, in: &targets)
        let empty = RepositoryState(
            root: RepositoryDraft.empty(RootMetadata.name, root.objectValue ?? []),
            targets: RepositoryDraft.empty(TargetsMetadata.name, targets.objectValue ?? []), roles: [:],
            snapshot: RepositoryDraft.empty(SnapshotMetadata.name, []),
            timestamp: RepositoryDraft.empty(TimestampMetadata.name, []))
        var drafting = CandidateDraft(empty, at: now)
        try drafting.add(.topKeys(RoleEdit.TopKeys()))
        try drafting.add(.delegatedKeys(RoleEdit.DelegatedKeys()))
        for product in products { try drafting.add(.delegate(product: product, environments: environments)) }
        let proposal = RepositoryProposal(candidates: drafting.candidates)
        let signatures = try sign(proposal, in: empty, by: keys.root + keys.targets)
        return try publish(proposal, signatures: signatures, to: empty, keys: keys, at: now)
    }

    /// Delegates a product: one role for each environment that has none yet, and the emergency role. Nothing changes
    /// when all are there. Needs targets, approvers, emergency, snapshot and timestamp keys.
    public static func addProduct(
        _ product: ProductName, environments: [EnvironmentName], to state: RepositoryState, keys: RepositoryKeys,
        at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        try RepositorySetup.requireApart([
            ("root", keys.root.map(\.publicKey)), ("targets", keys.targets.map(\.publicKey)),
            ("approvers", (keys.approvers + keys.emergency).map(\.publicKey)),
            ("snapshot", keys.snapshot.map(\.publicKey)), ("timestamp", keys.timestamp.map(\.publicKey)),
            ("director", keys.director.map(\.publicKey)),
        ])
        let places = [ApprovalPlace.emergency] + environments.map { .environment($0) }
        let missing = places.map { $0.role(of: product) }.filter { state.roles[$0] == nil }
        let edits = [RoleEdit.delegate(product: product, environments: environments)]
        let proposal = try propose(
            edits + missing.map { .renew(role: $0) }, in: state, signers: ProductSigners(keys), at: now)
        return try complete(proposal, of: state, keys: keys, at: now)
    }

    /// Lists a manifest in the role of an environment (approval; for a second environment, promotion of the same bytes)
    /// or in the emergency role. Nothing changes when it is listed already. Needs the role's, snapshot and timestamp
    /// keys.
    /// - Parameter notAfter: of a hot fix: no host installs it later than this.
    /// - Throws: `trust.writer.conflict` for other bytes under the same version, `trust.writer.withdrawn`,
    ///   `trust.writer.noRole`.
    public static func approve(
        _ release: ReleaseName, manifest: SHA256Digest, length: ByteCount, in place: ApprovalPlace,
        notAfter: UTCInstant? = nil, to state: RepositoryState, keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        let approval = RoleEdit.ReleaseApproval(
            place: place, release: release, manifest: manifest, length: length, notAfter: notAfter)
        return try complete(try propose([.approve(approval)], in: state, at: now), of: state, keys: keys, at: now)
    }

    /// Takes a manifest out of its role for good: no host installs it again, whatever the director says. Needs the
    /// role's, snapshot and timestamp keys.
    public static func withdraw(
        _ release: ReleaseName, manifest: SHA256Digest, in place: ApprovalPlace, from state: RepositoryState,
        keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        let withdrawal = RoleEdit.ReleaseWithdrawal(place: place, release: release, manifest: manifest)
        return try complete(try propose([.withdraw(withdrawal)], in: state, at: now), of: state, keys: keys, at: now)
    }

    /// Nothing below this version may be installed in the place from now on. Needs the role's, snapshot and timestamp
    /// keys.
    public static func setFloor(
        _ floor: ReleaseName, in place: ApprovalPlace, of state: RepositoryState, keys: RepositoryKeys,
        at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        let proposal = try propose([.floor(place: place, release: floor)], in: state, at: now)
        return try complete(proposal, of: state, keys: keys, at: now)
    }

    /// Signs and publishes at once, where the keys at hand are enough.
    private static func complete(
        _ proposal: RepositoryProposal?, of state: RepositoryState, keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        guard let proposal else { return RepositoryChange(state: state, files: []) }
        let all = keys.root + keys.targets + keys.approvers + keys.emergency
        return try publish(
            proposal, signatures: try sign(proposal, in: state, by: all), to: state, keys: keys, at: now)
    }
}
