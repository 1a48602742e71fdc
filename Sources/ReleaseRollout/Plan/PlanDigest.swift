import AgentProtocol
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
        func note<Value: Equatable>(
            _ what: String, _ old: Value, _ new: Value, _ words: (Value) -> String = { "\($0)" }
        ) {
            if old != new { changes.append(PlanWords.difference(what, words(old), words(new))) }
        }
        note("the release", old.release, new.release)
        note("the manifest", agreed.manifest, manifest)
        note("the environment", old.environment, new.environment)
        note("the host query", old.hosts.text, new.hosts.text)
        note("the strategy", old.strategy, new.strategy, PlanWords.strategy)
        changes += PlanWords.differences(old.limits, new.limits)
        note("the back-out scope", old.backOut, new.backOut, \.rawValue)
        note("the early life support", agreed.earlyLife ?? .hours(24), earlyLife ?? .hours(24))
        note("the priority", old.priority ?? 0, new.priority ?? 0)
        note("the list of windows", old.windows ?? [], new.windows ?? [], PlanWords.windows)
        note("the list of freezes", old.freezes ?? [], new.freezes ?? [], PlanWords.freezes)
        note("what cannot be taken back", old.irreversible ?? "nothing", new.irreversible ?? "nothing")
        note("a stop hook", old.ignoreStopFailure ?? false, new.ignoreStopFailure ?? false) {
            $0 ? "allowed to fail" : "not allowed to fail"
        }
        note("the urgency", agreed.urgency, urgency) { $0.isEmergency ? "an emergency" : "ordinary" }
        return changes
    }

    /// Hosts that came or went.
    public func hostChanges(since agreed: RolloutPlan) -> (came: [HostID], left: [HostID]) {
        let (old, new) = (Set(agreed.hosts.map(\.id)), Set(hosts.map(\.id)))
        return (new.subtracting(old).sorted(), old.subtracting(new).sorted())
    }

    /// The same promise: when its windows were looked at does not matter.
    public func isSame(as other: RolloutPlan) -> Bool {
        var (one, two) = (self, other)
        (one.starts, two.starts) = (nil, nil)
        return one == two
    }

    /// All hosts run it and are healthy: it ends at once.
    var hasNothingToDo: Bool { hosts.allSatisfy { $0.running == definition.release && $0.isUnhealthy != true } }

    /// What a person should know before saying yes.
    public var warnings: [String] {
        var warnings: [String] = []
        for migration in migrations ?? [] {
            warnings.append("The migration \(migration.unit) runs once, on \(migration.host), before everybody else.")
        }
        if let irreversible {
            warnings.append(
                "It cannot be taken back: \(irreversible). A crossed limit halts it, and nothing goes back by itself.")
        }
        if definition.ignoreStopFailure == true {
            warnings.append("A stop hook that fails is passed over: what it should have stopped may run on.")
        }
        let current = hosts.count { $0.running == definition.release }
        if current > 0 { warnings.append("\(current) of \(hosts.count) hosts run the release already.") }
        let unhealthy = hosts.count { $0.isUnhealthy == true }
        if unhealthy > 0 {
            let what = definition.limits.unhealthyBefore == .skip ? "are skipped" : "do not count"
            warnings.append("\(unhealthy) of \(hosts.count) hosts are unhealthy now and \(what).")
        }
        if !hasNothingToDo, let first = phases.first(where: { $0.kind != .migration }), first.kind == .pilot,
            first.hosts.allSatisfy({ $0.running == definition.release })
        {
            warnings.append("No host of the pilot has anything to take: it would halt there.")
        }
        return warnings
    }

    /// Hosts that are in both plans and are found differently: in another phase, running something else.
    public func changedHosts(since agreed: RolloutPlan) -> [HostID] {
        let old = Dictionary(agreed.placed, uniquingKeysWith: { first, _ in first })
        return placed.filter { id, place in old[id].map { $0 != place } ?? false }.map(\.0).sorted()
    }

    private struct Place: Equatable {
        var phase: Int
        var running: ReleaseName?
        var delivery: DeliveryMode
    }

    private var placed: [(HostID, Place)] {
        phases.enumerated().flatMap { number, phase in
            phase.hosts.map { ($0.id, Place(phase: number, running: $0.running, delivery: $0.delivery)) }
        }
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
