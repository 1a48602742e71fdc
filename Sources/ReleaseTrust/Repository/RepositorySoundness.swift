import ReleaseDefinition

// Nothing is published that a host would refuse: the writer's work is judged by the hosts' own core.

/// A role that a new host refuses, and why.
public struct RoleRefusal: Sendable, Equatable {
    public var role: String
    public var error: TrustError
}

extension RepositoryState {
    /// What a host that believes this root would refuse: signatures from root down, and the files that snapshot and
    /// timestamp name. Expiry is not judged: what has expired must stay renewable.
    public func refusals(at now: UTCInstant) -> [RoleRefusal] {
        var refusals: [RoleRefusal] = []
        func judge(_ role: String, _ check: () throws(TrustError) -> Void) {
            do { try check() } catch { refusals.append(RoleRefusal(role: role, error: error)) }
        }
        var trusted: TrustedMetadata
        do { trusted = try TrustedMetadata(root: root.canonicalBytes, at: now) } catch {
            return [RoleRefusal(role: RootMetadata.name, error: error)]
        }
        let snapshotBytes = snapshot.canonicalBytes
        judge(TimestampMetadata.name) { () throws(TrustError) in
            try trusted.adoptStored(timestamp: timestamp.canonicalBytes)
        }
        judge(SnapshotMetadata.name) { () throws(TrustError) in
            try trusted.adoptStored(snapshot: snapshotBytes)
            try trusted.timestamp?.snapshot.requireMatch(
                snapshotBytes, role: SnapshotMetadata.name, namedBy: TimestampMetadata.name)
        }
        let delegated = roles.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (role, file) in [(TargetsMetadata.name, targets)] + delegated.map({ ($0.key, $0.value) }) {
            let bytes = file.canonicalBytes
            let parent = role == TargetsMetadata.name ? RootMetadata.name : TargetsMetadata.name
            judge(role) { () throws(TrustError) in
                if let snapshot = trusted.snapshot {
                    guard let reference = snapshot.reference(role: role) else {
                        throw TrustedMetadata.unlisted(role, in: snapshot)
                    }
                    try reference.requireMatch(bytes, role: role, namedBy: SnapshotMetadata.name)
                }
                try trusted.adoptStored(bytes, role: role, parent: parent)
            }
        }
        return refusals
    }

    /// - Parameter before: a repository that is broken already may be mended one step at a time, not broken further.
    /// - Throws: `trust.writer.refused`.
    func requireSound(after before: RepositoryState, at now: UTCInstant) throws(TrustError) {
        let refusals = refusals(at: now)
        guard !refusals.isEmpty else { return }
        let known = Set(before.refusals(at: now).map(\.role))
        guard let new = refusals.first(where: { !known.contains($0.role) }) else { return }
        throw TrustError(
            code: "writer.refused",
            summary: "The repository was not changed: every new host would refuse \(new.role).",
            remedy: "Drop the change (slipway keys drop) and propose it anew.", cause: new.error.summary)
    }

    /// A role whose file new targets would leave without enough valid signatures; `done` are those that the same change
    /// signs again.
    func orphan(of new: TargetsMetadata, besides done: [String]) throws(TrustError) -> String? {
        // Before the first targets there is nothing to leave behind.
        guard !roles.isEmpty else { return nil }
        let old = try TargetsMetadata(parsing: targets.canonicalBytes, role: TargetsMetadata.name)
        for delegated in new.delegations?.roles ?? [] where !done.contains(delegated.name) {
            guard let envelope = roles[delegated.name] else { continue }
            if let before = old.delegations?.role(named: delegated.name)?.keys,
                before.threshold == delegated.keys.threshold,
                Set(before.keys.keys) == Set(delegated.keys.keys.keys)
            {
                continue
            }
            let file = try TargetsMetadata(parsing: envelope.canonicalBytes, role: delegated.name).file
            do { try file.requireSignatures(of: delegated.keys, from: TargetsMetadata.name) } catch {
                return delegated.name
            }
        }
        return nil
    }
}
