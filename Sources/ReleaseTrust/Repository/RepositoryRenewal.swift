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
        if !keys.root.isEmpty, isDue(state.root, RepositoryDraft.Lifetime.root, at: now) { try draft.writeRoot() }
        if !keys.targets.isEmpty, isDue(state.targets, RepositoryDraft.Lifetime.targets, at: now) {
            try draft.writeTargets()
            writesSnapshot = true
        }
        for (name, role) in state.roles.sorted(by: { $0.key < $1.key }) {
            let isEmergency = name.hasPrefix("\(ApprovalPlace.emergencyWord)-")
            guard !(isEmergency ? keys.emergency : keys.approvers).isEmpty,
                isDue(role, RepositoryDraft.Lifetime.role(name), at: now)
            else { continue }
            try draft.writeRole(name)
            writesSnapshot = true
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
