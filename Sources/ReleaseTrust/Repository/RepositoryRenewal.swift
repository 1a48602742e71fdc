import ReleaseDefinition

// Metadata is renewed past half its life, so that a day off does no harm: trust.md "Roles".

extension RepositoryWriter {
    /// A new timestamp, a new snapshot when it is past half its life, and likewise root, targets and products' roles
    /// whose keys were given. Needs the snapshot and timestamp keys.
    public static func renew(
        _ state: RepositoryState, keys: RepositoryKeys, at now: UTCInstant
    ) throws(TrustError) -> RepositoryChange {
        var draft = RepositoryDraft(state, keys: keys, at: now)
        var writesSnapshot = isDue(state.snapshot, RepositoryDraft.Lifetime.snapshot, at: now)
        let all = keys.root + keys.targets + keys.approvers + keys.emergency
        let roles = [(RootMetadata.name, state.root), (TargetsMetadata.name, state.targets)]
        for (name, file) in roles + state.roles.sorted(by: { $0.key < $1.key }) {
            guard isDue(file, RepositoryDraft.Lifetime.of(name), at: now) else { continue }
            // Where people hold the keys, they renew: every release does, or `keys renew`.
            guard let proposal = try propose([.renew(role: name)], in: draft.state, at: now) else { continue }
            let signatures = try sign(proposal, in: draft.state, by: all)
            let delegators = try delegators(of: proposal, in: draft.state)
            guard try standing(of: proposal, signatures: signatures, in: draft.state).allSatisfy(\.isMet) else {
                continue
            }
            for (candidate, keys) in delegators { try draft.write(candidate, signatures, keys.map(\.keys)) }
            if name != RootMetadata.name { writesSnapshot = true }
        }
        return try draft.finish(writesSnapshot: writesSnapshot)
    }

    /// When `renew` is due next: half the life of the timestamp or of the snapshot, whichever comes first.
    public static func renewalDueAt(_ state: RepositoryState) -> UTCInstant? {
        let timestamp = halfLife(of: state.timestamp, RepositoryDraft.Lifetime.timestamp)
        let snapshot = halfLife(of: state.snapshot, RepositoryDraft.Lifetime.snapshot)
        guard let timestamp, let snapshot else { return nil }
        return min(timestamp, snapshot)
    }

    private static func isDue(_ envelope: JSONValue, _ lifetime: TimeSpan, at now: UTCInstant) -> Bool {
        halfLife(of: envelope, lifetime).map { $0 <= now } ?? true
    }

    private static func halfLife(of envelope: JSONValue, _ lifetime: TimeSpan) -> UTCInstant? {
        guard let text = envelope["signed"]?["expires"]?.stringValue, let expires = try? UTCInstant(text) else {
            return nil
        }
        return expires - TimeSpan(milliseconds: lifetime.milliseconds / 2)
    }
}
