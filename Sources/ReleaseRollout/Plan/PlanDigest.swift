import ReleaseDefinition

/// What a person agreed to, and how a plan made later differs from it (semantics 7).
extension RolloutPlan {
    /// Of release, host query, strategy and bounds; not of the hosts that happen to match, nor of the rollout's id.
    /// - Throws: what the coding of its values throws, which is never.
    public var digest: SHA256Digest {
        get throws { SHA256Digest(of: try JSONCoding.canonicalBytes(of: Agreed(self))) }
    }

    /// What is materially different, in words with both values; none: the same was agreed to.
    public func materialChanges(since agreed: RolloutPlan) -> [String] {
        let (old, new) = (agreed.definition, definition)
        var changes: [String] = []
        func note<Value: Equatable>(_ what: String, _ old: Value, _ new: Value) {
            if old != new { changes.append("\(what) was \(old), is \(new)") }
        }
        note("the release", old.release, new.release)
        note("the manifest", agreed.manifest, manifest)
        note("the environment", old.environment, new.environment)
        note("the host query", old.hosts.text, new.hosts.text)
        note("the strategy", old.strategy, new.strategy)
        note("the limits", old.limits, new.limits)
        note("the back-out scope", old.backOut, new.backOut)
        note("the urgency", agreed.urgency, urgency)
        return changes
    }

    /// Hosts that came or went.
    public func hostChanges(since agreed: RolloutPlan) -> (came: [HostID], left: [HostID]) {
        let (old, new) = (Set(agreed.hosts.map(\.id)), Set(hosts.map(\.id)))
        return (new.subtracting(old).sorted(), old.subtracting(new).sorted())
    }

    private struct Agreed: Encodable {
        var manifest: SHA256Digest
        var definition: RolloutDefinition
        var urgency: RolloutUrgency

        init(_ plan: RolloutPlan) {
            manifest = plan.manifest
            definition = plan.definition
            urgency = plan.urgency
        }
    }
}
