import ReleaseDefinition

/// What a host believes: verified metadata, from root down. Bytes go in, a verdict comes out; no disk, no network, and
/// the time is an argument.
///
/// Invariant: every file held was signed as its delegator demands when it entered. After a refusal the value is as it
/// was before. Files that were stored before may be held although they expired or were replaced on the server: they
/// guard against rollback and let a host back out, but nothing is installed by them (`requireCurrent`).
///
/// Source: TUF 1.0.34 section 5, after python-tuf's `TrustedMetadataSet`. I/O shells drive it through
/// `MetadataRefresh`.
public struct TrustedMetadata: Sendable {
    /// One time for the whole update. TUF 5.1.
    public private(set) var startedAt: UTCInstant
    /// Whose signatures count: the policy of whoever pinned the root.
    private let algorithms: Set<KeyAlgorithm>
    private(set) var root: RootMetadata
    private(set) var timestamp: TimestampMetadata?
    private(set) var snapshot: SnapshotMetadata?
    /// `targets` and delegated roles, by the bytes of the role's name.
    private var targetsFiles: [[UInt8]: TargetsMetadata] = [:]
    /// Which file was verified for which delegator: neither has changed since.
    private var verifiedEdges: Set<Edge> = []

    private struct Edge: Hashable {
        var child: SHA256Digest
        var role: String
        var parent: SHA256Digest
    }

    /// TUF 5.2: the pinned or stored root. It must be signed by its own keys; its expiry does not matter yet.
    /// - Throws: `trust.root.…`.
    public init(
        root bytes: [UInt8], at now: UTCInstant, accepting algorithms: Set<KeyAlgorithm> = .ours
    ) throws(TrustError) {
        let root = try RootMetadata(parsing: bytes, accepting: algorithms)
        try root.requireSignatures(on: root.file, as: .root)
        self.root = root
        startedAt = now
        self.algorithms = algorithms
    }

    /// The same beliefs, judged at a later time; time never runs back.
    func judged(at now: UTCInstant) -> TrustedMetadata {
        var later = self
        later.startedAt = max(startedAt, now)
        return later
    }

    /// Whether files carry their version or hash in their names. TUF 6.2.
    public var usesConsistentSnapshots: Bool { root.consistentSnapshot }
    /// The same beliefs at the start of another update.
    func restarted(at now: UTCInstant) -> TrustedMetadata {
        var next = self
        next.startedAt = now
        return next
    }

    /// Root alone: a beginning for another set of files.
    func withoutTargets() -> TrustedMetadata {
        var bare = self
        (bare.timestamp, bare.snapshot, bare.targetsFiles) = (nil, nil, [:])
        return bare
    }

    public var rootVersion: Int64 { root.file.version }
    public var timestampVersion: Int64? { timestamp?.file.version }
    /// What the timestamp says of the controller's log: this host is a witness of it.
    public var logCheckpoint: LogCheckpoint? { timestamp?.checkpoint }
    public var timestampExpiresAt: UTCInstant? { timestamp?.file.expiresAt }
    public var snapshotVersion: Int64? { snapshot?.file.version }

    /// The version of `targets` or of a delegated role that is held.
    public func version(ofRole role: String) -> Int64? { held(role)?.file.version }

    func held(_ role: String) -> TargetsMetadata? { targetsFiles[Array(role.utf8)] }

    var topTargets: TargetsMetadata? { held(TargetsMetadata.name) }
}

// MARK: Root, TUF 5.3

extension TrustedMetadata {
    /// TUF 5.3.4 to 5.3.7: the next root.
    /// - Returns: whether the stored timestamp and snapshot must go, before the new root is stored (5.3.11).
    /// - Throws: `trust.root.…`.
    @discardableResult
    public mutating func updateRoot(_ bytes: [UInt8]) throws(TrustError) -> Bool {
        let new = try RootMetadata(parsing: bytes, accepting: algorithms)
        // 5.3.4: signed by the old threshold and by its own.
        try root.requireSignatures(on: new.file, as: .root, check: .rootSignedByOld)
        try new.requireSignatures(on: new.file, as: .root, check: .rootSignedBySelf)
        // 5.3.5: exactly N + 1.
        guard TrustCheck.rootIsNext.holds(new.file.version == root.file.version + 1) else {
            throw .refused(
                RootMetadata.name, "version",
                "found version \(new.file.version), expected is exactly \(root.file.version + 1)",
                remedy: "Nothing was accepted. Every version of root must be published, each under its own number.")
        }
        let hasRotated = !TrustCheck.rotationForgets.holds(!new.hasRotatedOnlineKeys(since: root))
        // 5.3.7; 5.3.6: its expiry does not matter yet.
        root = new
        // 5.3.11: recovery from versions that an attacker drove up.
        if hasRotated { (timestamp, snapshot) = (nil, nil) }
        dropWhatRootNoLongerNames()
        return hasRotated
    }

    /// A new root is also the end of files signed by keys that it no longer names.
    private mutating func dropWhatRootNoLongerNames() {
        if let held = timestamp, !isSigned(held.file, as: .timestamp) { timestamp = nil }
        if let held = snapshot, !isSigned(held.file, as: .snapshot) { snapshot = nil }
        if let held = topTargets, !isSigned(held.file, as: .targets) { targetsFiles = [:] }
    }

    private func isSigned(_ file: SignedMetadata, as role: RootMetadata.TopRole) -> Bool {
        do { try root.requireSignatures(on: file, as: role) } catch { return false }
        return true
    }

    /// TUF 5.3.10, after the last root was stored.
    /// - Throws: `trust.root.expired`.
    public func requireUnexpiredRoot() throws(TrustError) { try root.file.requireUnexpired(at: startedAt) }
}

// MARK: Timestamp, TUF 5.4

extension TrustedMetadata {
    public enum Freshness: Sendable, Equatable { case new, unchanged }

    /// - Returns: `unchanged` for the version that is held already: there is nothing to store (5.4.3.1).
    /// - Throws: `trust.timestamp.…`, `trust.root.expired`.
    @discardableResult
    public mutating func updateTimestamp(_ bytes: [UInt8]) throws(TrustError) -> Freshness {
        try requireUnexpiredRoot()
        let new = try TimestampMetadata(parsing: bytes)
        // 5.4.2
        try root.requireSignatures(on: new.file, as: .timestamp)
        if let old = timestamp {
            // 5.4.3.1: an older version is an attack or a restored backup; an equal one is quiet.
            guard TrustCheck.timestampRollback.holds(new.file.version >= old.file.version) else {
                throw Self.rollback(TimestampMetadata.name, found: new.file.version, trusted: old.file.version)
            }
            guard new.file.version != old.file.version else {
                try old.file.requireUnexpired(at: startedAt)
                return .unchanged
            }
            // 5.4.3.2
            guard TrustCheck.timestampNamesOlder.holds(new.snapshot.version >= old.snapshot.version) else {
                throw Self.rollback(
                    TimestampMetadata.name, found: new.snapshot.version, trusted: old.snapshot.version,
                    of: "the snapshot that it names")
            }
        }
        // 5.4.4
        try new.file.requireUnexpired(at: startedAt)
        timestamp = new
        return .new
    }

    /// Takes a timestamp that this host stored: it guards against rollback even when it expired.
    /// - Throws: when it is damaged or not signed by root's keys; the file is then as good as absent.
    mutating func adoptStored(timestamp bytes: [UInt8]) throws(TrustError) {
        let stored = try TimestampMetadata(parsing: bytes)
        try root.requireSignatures(on: stored.file, as: .timestamp)
        timestamp = stored
    }

    static func rollback(_ role: String, found: Int64, trusted: Int64, of what: String = "the file") -> TrustError {
        .refused(
            role, "rollback", "\(what) has version \(found), which is older than the trusted version \(trusted)",
            remedy:
                "Nothing was accepted; the installed release is kept. If the repository was restored from a backup, "
                + "publish version \(trusted + 1) or later.")
    }

    static func outOfOrder(_ what: String) -> TrustError {
        TrustError(
            code: "order", summary: "\(what).",
            remedy: "Metadata is read from root down: root, timestamp, snapshot, targets, delegated roles.")
    }
}

// MARK: Snapshot, TUF 5.5

extension TrustedMetadata {
    /// - Throws: `trust.snapshot.…`, `trust.timestamp.expired`, `trust.order`.
    public mutating func updateSnapshot(_ bytes: [UInt8]) throws(TrustError) {
        guard let timestamp else { throw Self.outOfOrder("A snapshot was given before any timestamp") }
        try timestamp.file.requireUnexpired(at: startedAt)
        // 5.5.2, before anything is parsed
        try timestamp.snapshot.requireMatch(bytes, role: SnapshotMetadata.name, namedBy: TimestampMetadata.name)
        let new = try SnapshotMetadata(parsing: bytes)
        // 5.5.3
        try root.requireSignatures(on: new.file, as: .snapshot)
        // 5.5.4
        guard TrustCheck.snapshotVersion.holds(new.file.version == timestamp.snapshot.version) else {
            throw .refused(
                SnapshotMetadata.name, "version",
                "found version \(new.file.version), timestamp names version \(timestamp.snapshot.version)",
                remedy: "Nothing was accepted. Files of two states of the repository are mixed.")
        }
        if let old = snapshot { try Self.requireNoRollback(from: old, to: new) }
        // 5.5.6
        try new.file.requireUnexpired(at: startedAt)
        snapshot = new
    }

    /// 5.5.5: no version falls and no file vanishes.
    private static func requireNoRollback(from old: SnapshotMetadata, to new: SnapshotMetadata) throws(TrustError) {
        for (name, oldReference) in old.files {
            let text = String(decoding: name, as: UTF8.self).debugDescription
            guard let newReference = new.files[name] else {
                if TrustCheck.snapshotVanished.holds(false) { continue }
                throw .refused(
                    SnapshotMetadata.name, "vanished",
                    "version \(new.file.version) no longer lists \(text), version \(old.file.version) did",
                    remedy: "Nothing was accepted. A role's file stays in snapshot for ever: list it again.")
            }
            guard TrustCheck.snapshotNamesOlder.holds(newReference.version >= oldReference.version) else {
                throw rollback(
                    SnapshotMetadata.name, found: newReference.version, trusted: oldReference.version, of: text)
            }
        }
    }

    /// As `adoptStored(timestamp:)`; its hash is not compared, it may be of an earlier timestamp.
    mutating func adoptStored(snapshot bytes: [UInt8]) throws(TrustError) {
        let stored = try SnapshotMetadata(parsing: bytes)
        try root.requireSignatures(on: stored.file, as: .snapshot)
        snapshot = stored
    }

    /// The snapshot held is the one that the timestamp held names.
    var hasCurrentSnapshot: Bool {
        guard let timestamp, let snapshot else { return false }
        return snapshot.file.version == timestamp.snapshot.version && timestamp.snapshot.matches(snapshot.file)
    }

    /// Root, timestamp and snapshot are of one state and none has expired.
    /// - Throws: the refusal of the first that is not so.
    func requireCurrentSnapshot() throws(TrustError) -> SnapshotMetadata {
        try requireUnexpiredRoot()
        guard let timestamp else { throw Self.outOfOrder("No timestamp was read yet") }
        try timestamp.file.requireUnexpired(at: startedAt)
        guard let snapshot, hasCurrentSnapshot else {
            throw Self.outOfOrder(
                "The snapshot that timestamp version \(timestamp.file.version) names was not read yet")
        }
        try snapshot.file.requireUnexpired(at: startedAt)
        return snapshot
    }
}

// MARK: Targets and delegated roles, TUF 5.6

extension TrustedMetadata {
    /// - Throws: `trust.targets.…`.
    public mutating func updateTargets(_ bytes: [UInt8]) throws(TrustError) {
        try updateDelegated(bytes, role: TargetsMetadata.name, parent: RootMetadata.name)
    }

    /// - Throws: `trust.role.…` (`trust.targets.…` for the top role).
    public mutating func updateDelegated(_ bytes: [UInt8], role: String, parent: String) throws(TrustError) {
        let snapshot = try requireCurrentSnapshot()
        guard let reference = snapshot.reference(role: role) else {
            throw Self.unlisted(role, in: snapshot)
        }
        // 5.6.2, before anything is parsed
        try reference.requireMatch(bytes, role: role, namedBy: SnapshotMetadata.name)
        // 5.6.3
        let new = try verified(bytes, role: role, parent: parent)
        // 5.6.4
        guard TrustCheck.targetsVersion.holds(new.file.version == reference.version) else {
            throw .refused(
                role, "version", "found version \(new.file.version), snapshot names version \(reference.version)",
                remedy: "Nothing was accepted. Files of two states of the repository are mixed.")
        }
        // 5.6.5
        try new.file.requireUnexpired(at: startedAt)
        targetsFiles[Array(role.utf8)] = new
    }

    /// A stored file: signed as the delegator demands today; whether it is current is judged where it is used.
    mutating func adoptStored(_ bytes: [UInt8], role: String, parent: String) throws(TrustError) {
        targetsFiles[Array(role.utf8)] = try verified(bytes, role: role, parent: parent)
    }

    static func unlisted(_ role: String, in snapshot: SnapshotMetadata) -> TrustError {
        .refused(
            role, "missing", "snapshot version \(snapshot.file.version) does not list it",
            remedy: "Nothing was accepted. Publish the role and a snapshot that lists it.")
    }

    private mutating func verified(
        _ bytes: [UInt8], role: String, parent: String
    ) throws(TrustError) -> TargetsMetadata {
        let new = try TargetsMetadata(parsing: bytes, role: role, accepting: algorithms)
        try requireSignatures(on: new, parent: parent)
        if role == TargetsMetadata.name { try requireDirectorApart(new) }
        if let edge = edge(to: new, from: parent) { verifiedEdges.insert(edge) }
        return new
    }

    private func edge(to child: TargetsMetadata, from parent: String) -> Edge? {
        let delegator = child.file.role == TargetsMetadata.name ? root.file : held(parent)?.file
        return delegator.map { Edge(child: child.file.sha256, role: child.file.role, parent: $0.sha256) }
    }

    /// A file's authority comes from the delegator through which it is reached, each time.
    func requireSignatures(on targets: TargetsMetadata, parent: String) throws(TrustError) {
        if let edge = edge(to: targets, from: parent), verifiedEdges.contains(edge) { return }
        let role = targets.file.role
        if role == TargetsMetadata.name { return try root.requireSignatures(on: targets.file, as: .targets) }
        guard let delegated = held(parent)?.delegations?.role(named: role) else {
            throw Self.outOfOrder("\(role.debugDescription) is not delegated by \(parent.debugDescription)")
        }
        try targets.file.requireSignatures(of: delegated.keys, from: "role \(parent)")
    }

    /// The director may not approve, and no approver may direct: otherwise one stolen key is both authorities.
    private func requireDirectorApart(_ targets: TargetsMetadata) throws(TrustError) {
        guard let director = targets.director else { return }
        var others = root.publicKeys
        for role in targets.delegations?.roles ?? [] { others.formUnion(role.keys.publicKeys) }
        guard let shared = director.keys.first(where: others.contains), !TrustCheck.directorApart.holds(false) else {
            return
        }
        throw .refused(
            TargetsMetadata.name, "directorKey",
            "the director's key \(shared.keyID) is also the key of a metadata role",
            remedy: "Nothing was accepted. Give the director a key of its own.")
    }

    /// The file held is the one that the current snapshot names, and it has not expired.
    func isCurrent(_ targets: TargetsMetadata, in snapshot: SnapshotMetadata) -> Bool {
        guard let reference = snapshot.reference(role: targets.file.role) else { return false }
        return reference.version == targets.file.version && reference.matches(targets.file)
    }
}
