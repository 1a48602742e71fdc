import ReleaseDefinition

/// Writes the TUF repository: state and keys in, files and new state out. Plain TUF 1.0.34 with consistent snapshots,
/// which any client reads; our own facts stand in the `x-slipway` member of `signed`.
///
/// Every step throws `trust.writer.…` (or `trust.key.…`) and then nothing was changed.
public enum RepositoryWriter {
    /// The first version of root, targets, snapshot and timestamp; all keys given, threshold 1 each (profile solo).
    public static func create(keys: RepositoryKeys, at now: UTCInstant) throws(TrustError) -> RepositoryChange {
        try requireApart(keys)
        let topRoles = [
            ("root", keys.root), ("targets", keys.targets), ("snapshot", keys.snapshot), ("timestamp", keys.timestamp),
        ]
        let root = [
            JSONMember("consistent_snapshot", .bool(true)),
            JSONMember("keys", table(topRoles.flatMap(\.1))),
            JSONMember("roles", .object(topRoles.map { JSONMember($0.0, .object(signers($0.1))) })),
        ]
        let director = [JSONMember("keys", table(keys.director)), JSONMember("threshold", .integer(1))]
        let targets = [
            JSONMember("targets", .object([])),
            JSONMember("x-slipway", .object([JSONMember("director", .object(director))])),
        ]
        var draft = RepositoryDraft(
            RepositoryState(
                root: RepositoryDraft.empty(RootMetadata.name, root),
                targets: RepositoryDraft.empty(TargetsMetadata.name, targets), roles: [:],
                snapshot: RepositoryDraft.empty(SnapshotMetadata.name, []),
                timestamp: RepositoryDraft.empty(TimestampMetadata.name, [])),
            keys: keys, at: now)
        try draft.writeRoot()
        try draft.writeTargets()
        return try draft.finish()
    }

    /// Delegates a product: one role for each environment that has none yet, and the emergency role. Nothing changes
    /// when all are there. Needs targets, approvers, emergency, snapshot and timestamp keys.
    public static func addProduct(
        _ product: ProductName, environments: [EnvironmentName], to state: RepositoryState, keys: RepositoryKeys,
        at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        try requireApart(keys)
        guard !environments.contains(where: { $0.text == ApprovalPlace.emergencyWord }) else {
            throw .writer(
                "environment", "\(ApprovalPlace.emergencyWord) is reserved for hot fixes and names no environment",
                remedy: "Choose another name for the environment.")
        }
        let places = [ApprovalPlace.emergency] + environments.map { .environment($0) }
        let missing = places.filter { state.roles[$0.role(of: product)] == nil }
        guard !missing.isEmpty else { return RepositoryChange(state: state, files: []) }
        var draft = RepositoryDraft(state, keys: keys, at: now)
        try draft.writeTargets { signed in
            var delegations = signed["delegations"] ?? .object([])
            var known = delegations["keys"] ?? .object([])
            var roles = delegations["roles"]?.arrayValue ?? []
            for place in missing {
                let approvers = place == .emergency ? keys.emergency : keys.approvers
                for key in approvers { known.set(key.publicKey.keyID, key.publicKey.json) }
                roles.append(
                    .object(
                        [
                            JSONMember("name", .string(place.role(of: product))),
                            JSONMember("paths", .array([.string(place.pathPattern(of: product))])),
                            JSONMember("terminating", .bool(true)),
                        ] + signers(approvers)))
            }
            delegations.set("keys", known)
            delegations.set("roles", .array(roles))
            signed.set("delegations", delegations)
        }
        for place in missing { try draft.writeRole(place.role(of: product)) }
        return try draft.finish()
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
        let path = TargetPath.manifest(place, release)
        if try requireApprovable(release, manifest: manifest, in: place, state: state) == .listed {
            return RepositoryChange(state: state, files: [])
        }
        var target = JSONValue.object([
            JSONMember("hashes", .object([JSONMember("sha256", .string(manifest.hex))])),
            JSONMember("length", .integer(length.value)),
        ])
        if let notAfter {
            let own = JSONValue.object([JSONMember("notAfter", .string(notAfter.wholeSeconds.description))])
            target.set("custom", .object([JSONMember("x-slipway", own)]))
        }
        var draft = RepositoryDraft(state, keys: keys, at: now)
        try draft.writeRole(place.role(of: release.product)) { signed in
            var targets = signed["targets"] ?? .object([])
            targets.set(path, target)
            signed.set("targets", targets)
        }
        return try draft.finish()
    }

    private enum Approval { case new, listed }

    private static func requireApprovable(
        _ release: ReleaseName, manifest: SHA256Digest, in place: ApprovalPlace, state: RepositoryState
    ) throws(TrustError) -> Approval {
        let name = place.role(of: release.product)
        guard let role = state.roles[name] else { throw .noRole(name) }
        let content = try TargetsMetadata(parsing: role.canonicalBytes, role: name)
        guard !content.withdrawn.contains(manifest) else {
            throw .writer(
                "withdrawn", "manifest \(manifest.short) of \(release) was withdrawn in role \(name)",
                remedy: "Submit a corrected release under a new version.")
        }
        guard let listed = content.target(TargetPath.manifest(place, release)) else { return .new }
        guard listed.sha256 == manifest else {
            throw .writer(
                "conflict", "\(release) is approved with manifest \(listed.hashes), not with \(manifest)",
                remedy: "A version names the same bytes for ever: submit the new content under a new version.")
        }
        return .listed
    }

    /// Takes a manifest out of its role for good: no host installs it again, whatever the director says. Needs the
    /// role's, snapshot and timestamp keys.
    public static func withdraw(
        _ release: ReleaseName, manifest: SHA256Digest, in place: ApprovalPlace, from state: RepositoryState,
        keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        let name = place.role(of: release.product)
        guard let role = state.roles[name] else { throw .noRole(name) }
        let withdrawn = try TargetsMetadata(parsing: role.canonicalBytes, role: name).withdrawn
        guard !withdrawn.contains(manifest) else { return RepositoryChange(state: state, files: []) }
        var draft = RepositoryDraft(state, keys: keys, at: now)
        try draft.writeRole(name) { signed in
            let path = TargetPath.manifest(place, release)
            var targets = signed["targets"] ?? .object([])
            if targets[path]?["hashes"]?["sha256"]?.stringValue == manifest.hex { targets.removeMember(path) }
            signed.set("targets", targets)
            setOwn("withdrawn", .array((withdrawn + [manifest]).map { .string($0.hex) }), in: &signed)
        }
        return try draft.finish()
    }

    /// Nothing below this version may be installed in the place from now on. Needs the role's, snapshot and timestamp
    /// keys.
    public static func setFloor(
        _ floor: ReleaseName, in place: ApprovalPlace, of state: RepositoryState, keys: RepositoryKeys,
        at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        var draft = RepositoryDraft(state, keys: keys, at: now)
        try draft.writeRole(place.role(of: floor.product)) { signed in
            setOwn("floor", .string(floor.version.text), in: &signed)
        }
        return try draft.finish()
    }
}

// MARK: Forms

extension RepositoryWriter {
    private static func setOwn(_ name: String, _ value: JSONValue, in signed: inout JSONValue) {
        var own = signed["x-slipway"] ?? .object([])
        own.set(name, value)
        signed.set("x-slipway", own)
    }

    private static func table(_ keys: [SigningKey]) -> JSONValue {
        var table = JSONValue.object([])
        for key in keys { table.set(key.publicKey.keyID, key.publicKey.json) }
        return table
    }

    /// `keyids` and `threshold` of a role.
    private static func signers(_ keys: [SigningKey]) -> [JSONMember] {
        [
            JSONMember("keyids", .array(keys.map { .string($0.publicKey.keyID) })),
            JSONMember("threshold", .integer(1)),
        ]
    }

    /// A key that is both the director's and a role's would be both authorities, and an online key that approves would
    /// be a thief's only need.
    private static func requireApart(_ keys: RepositoryKeys) throws(TrustError) {
        let groups = [
            ("root", keys.root), ("targets", keys.targets), ("approvers", keys.approvers + keys.emergency),
            ("snapshot", keys.snapshot), ("timestamp", keys.timestamp), ("director", keys.director),
        ]
        var owners: [PublicKey: String] = [:]
        for (owner, group) in groups {
            for key in Set(group.map(\.publicKey)) {
                guard let other = owners.updateValue(owner, forKey: key) else { continue }
                throw .writer(
                    "keyShared", "the key \(key.keyID.prefix(8)) is given for \(other) and for \(owner)",
                    remedy: "Make a key of its own for each.")
            }
        }
    }
}
