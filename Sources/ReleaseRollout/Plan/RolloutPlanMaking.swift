import AgentProtocol
import ReleaseDefinition

extension RolloutPlan {
    /// Freezes hosts into phases: cumulative, ⌊p × N⌋, in the order of their buckets after the pilot; the same input
    /// always gives the same plan. `hosts` may be the whole fleet of the environment: those that the query does not
    /// match are left out.
    /// - Parameter healthyDeadline: the longest healthy deadline of the release's checks, where known.
    /// - Throws: `rollout.plan.noHosts`, `rollout.plan.invalid` with every problem at once.
    public static func make(
        _ definition: RolloutDefinition, manifest: SHA256Digest, id: RolloutID, hosts: [PlanHost],
        urgency: RolloutUrgency = .ordinary, healthyDeadline: TimeSpan? = nil, starts: [StartInterval]? = nil,
        migrations: [MigrationUnit] = []
    ) throws(RolloutError) -> RolloutPlan {
        let matched = hosts.filter { definition.hosts.matches(id: $0.id, labels: $0.labels) }
        guard !matched.isEmpty else {
            throw RolloutError(
                code: "plan.noHosts",
                summary:
                    "The host query \(definition.hosts.text.debugDescription) matches 0 of \(hosts.count.of("host")) in "
                    + "\(definition.environment).",
                remedy: hosts.isEmpty
                    ? "Let a host join first: slipway hosts invite --environment \(definition.environment)"
                    : "Correct hosts in the rollout: slipway hosts list --output json shows the labels that they have.")
        }
        var checks = PlanChecks()
        checks.check(definition, urgency: urgency, healthyDeadline: healthyDeadline)
        checks.checkUnique(matched)
        let definitions = Self.phases(of: definition, urgency: urgency)
        checks.checkReach(definitions, total: matched.count)
        checks.checkMembers(definitions, matched)
        let migrations = Self.migrations(migrations, matched, id: id, release: definition.release, &checks)
        let migrating = migrations.map(\.host)
        let others = matched.filter { !migrating.contains($0.id) }
        checks.checkSides(definitions, others)
        checks.checkStarts(starts, urgency: urgency)
        if let error = checks.error { throw error }

        let arranged = arrange(
            others, id: id, release: definition.release,
            pilot: definitions.isPhased ? definitions.pilotSize(of: others.count) : 0)
        let phases =
            PlanPhase.migrating(migrating, of: matched)
            + definitions.fill(arranged, limits: definition.limits, isAtOnce: urgency.isEmergency)
        let plan = RolloutPlan(
            id: id, definition: definition, manifest: manifest, urgency: urgency, phases: phases,
            starts: urgency.ignoresWindows ? nil : starts, migrations: migrations.isEmpty ? nil : migrations)
        checks.checkReach(phases, total: matched.count)
        checks.checkBandwidth(plan)
        if let error = checks.error { throw error }
        return plan
    }

    /// An emergency is one phase, whatever the definition says.
    private static func phases(of definition: RolloutDefinition, urgency: RolloutUrgency) -> PhaseList {
        switch definition.strategy {
        case .phased(let phases) where !urgency.isEmergency, .continuous(let phases) where !urgency.isEmergency:
            PhaseList(phases: phases, isPhased: true)
        case .parallel(let sides) where !urgency.isEmergency:
            PhaseList(
                phases: [sides.first, sides.second].map {
                    .init(size: .percent(100), members: .query($0), bake: sides.bake)
                }, isPhased: true, sides: sides)
        case .phased, .bigBang, .parallel, .continuous:
            PhaseList(phases: [.init(size: .percent(100))], isPhased: false)
        }
    }

    /// The pilot's hosts first, the others by bucket. For the pilot: hosts labelled `pilot=true`, then others, those
    /// labelled `critical=true` last; of equals, a host that does not run the release yet tells more than one that does.
    private static func arrange(
        _ hosts: [PlanHost], id: RolloutID, release: ReleaseName, pilot: Int
    ) -> [PlanHost] {
        let byBucket =
            hosts
            .map { (bucket: HostBucket(rollout: id, host: $0.id), host: $0) }
            .sorted { $0.bucket != $1.bucket ? $0.bucket < $1.bucket : $0.host.id < $1.host.id }
            .map(\.host)
        guard pilot > 0 else { return byBucket }
        func rank(_ host: PlanHost) -> Int {
            let byLabel = host.labels["pilot"] == "true" ? 0 : host.labels["critical"] == "true" ? 2 : 1
            return byLabel * 2 + (host.running == release ? 1 : 0)
        }
        let ranked = byBucket.enumerated().sorted {
            let (one, other) = (rank($0.element), rank($1.element))
            return one != other ? one < other : $0.offset < $1.offset
        }
        let chosen = Set(ranked.prefix(pilot).map(\.offset))
        return ranked.prefix(pilot).map(\.element)
            + byBucket.enumerated().filter { !chosen.contains($0.offset) }.map(\.element)
    }
}

extension PlanPhase {
    /// None where nothing migrates.
    fileprivate static func migrating(_ ids: [HostID], of hosts: [PlanHost]) -> [PlanPhase] {
        var members: [PlanHost] = []
        for id in ids where !members.contains(where: { $0.id == id }) { members += hosts.filter { $0.id == id } }
        guard !members.isEmpty else { return [] }
        return [
            PlanPhase(
                kind: .migration, name: "migration", hosts: members, bake: .zero, failureTolerance: .none,
                parallelism: 1)
        ]
    }
}

/// The phases as they are written, before hosts are in them.
struct PhaseList {
    var phases: [PhaseDefinition]
    var isPhased: Bool
    var sides: ParallelDefinition?

    /// The first phase that has a host is the pilot, whatever merged into it.
    func pilotSize(of total: Int) -> Int {
        for phase in phases {
            // Who is the pilot is written out.
            if phase.members != nil { return 0 }
            let size = phase.size.hosts(of: total)
            if size > 0 { return size }
        }
        return 0
    }

    /// A phase that adds no host merges into the next; where there is none, into the one before. Merging keeps the
    /// longer bake.
    func fill(_ hosts: [PlanHost], limits: RolloutLimits, isAtOnce: Bool) -> [PlanPhase] {
        var filled: [PlanPhase] = []
        var merged: [PhaseDefinition] = []
        var left = hosts
        for phase in phases {
            merged.append(phase)
            let members = phase.take(from: &left, total: hosts.count)
            guard !members.isEmpty else { continue }
            let kind: PhaseKind = !isPhased ? .bigBang : filled.isEmpty && sides == nil ? .pilot : .later
            let parallelism = isAtOnce ? members.count : max(1, limits.parallelism.hosts(of: members.count))
            filled.append(
                PlanPhase(
                    kind: kind, name: name(kind, number: filled.count + 1), hosts: members,
                    bake: Self.bake(merged), failureTolerance: Self.tolerance(kind, of: merged, limits: limits),
                    parallelism: parallelism, requiredSuccesses: merged.last?.requiredSuccesses,
                    promotion: merged.contains { $0.promotion == .manual } ? .manual : nil,
                    traffic: filled.isEmpty
                        ? nil : sides.map { TrafficSwitch(hook: $0.switchHook, timeout: $0.timeout, bake: $0.bake) },
                    gates: Self.gates(merged)))
            merged = []
        }
        if let last = filled.indices.last { filled[last].bake = max(filled[last].bake, Self.bake(merged)) }
        return filled
    }

    private static func gates(_ merged: [PhaseDefinition]) -> [GateName]? {
        var gates: [GateName] = []
        for gate in merged.flatMap({ $0.gates ?? [] }) where !gates.contains(gate) { gates.append(gate) }
        return gates.isEmpty ? nil : gates
    }

    private static func bake(_ merged: [PhaseDefinition]) -> TimeSpan { merged.map(\.bake).max() ?? .zero }

    private static func tolerance(
        _ kind: PhaseKind, of merged: [PhaseDefinition], limits: RolloutLimits
    ) -> Tolerance {
        switch kind {
        case .pilot: merged.lazy.compactMap(\.failureTolerance).first ?? .none
        case .later: merged.last?.failureTolerance ?? limits.failureTolerance ?? Tolerance(percent: 5)
        case .bigBang: limits.failureTolerance ?? Tolerance(percent: 10)
        case .migration: .none
        }
    }

    private func name(_ kind: PhaseKind, number: Int) -> String {
        if sides != nil { return number == 1 ? "first side" : "second side" }
        return switch kind {
        case .pilot: "pilot"
        case .migration: "migration"
        case .later: "phase \(number)"
        case .bigBang: "everyone"
        }
    }
}

extension PhaseDefinition {
    /// The hosts of this phase, in their order; they leave the list.
    fileprivate func take(from left: inout [PlanHost], total: Int) -> [PlanHost] {
        guard let members else {
            let count = max(0, size.hosts(of: total) - (total - left.count))
            defer { left.removeFirst(min(count, left.count)) }
            return Array(left.prefix(count))
        }
        let named: (PlanHost) -> Bool
        switch members {
        case .query(let query): named = { query.matches(id: $0.id, labels: $0.labels) }
        case .list(let ids):
            let ids = Set(ids)
            named = { ids.contains($0.id) }
        }
        let taken = left.filter(named)
        let chosen = Array(taken.prefix(size.hosts(of: taken.count)))
        let ids = Set(chosen.map(\.id))
        left.removeAll { ids.contains($0.id) }
        return chosen
    }
}
