import AgentProtocol
import ReleaseDefinition

/// A unit of type migration, as the release has it.
public struct MigrationUnit: Sendable, Equatable {
    public var unit: UnitName
    public var runOn: HostQuery
    public var isReversible: Bool

    public init(unit: UnitName, runOn: HostQuery, isReversible: Bool) {
        self.unit = unit
        self.runOn = runOn
        self.isReversible = isReversible
    }
}

/// A step of the rollout, not of each host (package-format.md, Unit types): the unit runs once, on this host, before the
/// pilot, and is reversed only when the whole rollout goes back, after the last host is back.
public struct PlanMigration: Sendable, Equatable, Codable {
    public var unit: UnitName
    public var host: HostID
    public var isReversible: Bool
}

extension RolloutPlan {
    /// Whoever takes a migration takes the release first, one after the other, in the order of the units.
    static func migrations(
        _ units: [MigrationUnit], _ hosts: [PlanHost], id: RolloutID, release: ReleaseName, _ checks: inout PlanChecks
    ) -> [PlanMigration] {
        var chosen: [PlanMigration] = []
        for unit in units {
            // By its own labels as well: it would leave the unit out, and nobody else has it.
            let fit = hosts.filter { host in
                [host.labels, host.labelsOnHost ?? host.labels].allSatisfy {
                    unit.runOn.matches(id: host.id, labels: $0)
                }
            }
            // One host for several where it can be; else one that has not got the release yet, by bucket.
            let known = fit.first { host in chosen.contains { $0.host == host.id } }
            let first = fit.min { one, other in
                let (left, right) = (one.running == release, other.running == release)
                if left != right { return right }
                let buckets = (HostBucket(rollout: id, host: one.id), HostBucket(rollout: id, host: other.id))
                return buckets.0 != buckets.1 ? buckets.0 < buckets.1 : one.id < other.id
            }
            guard let host = known ?? first else {
                checks.noteMigration(unit, hosts.count)
                continue
            }
            chosen.append(PlanMigration(unit: unit.unit, host: host.id, isReversible: unit.isReversible))
        }
        return chosen
    }

    /// The first phase is of the hosts that migrate.
    var migrates: Bool { phases.first?.kind == .migration }

    /// What cannot be taken back, in words; nil: everything can.
    public var irreversible: String? {
        definition.irreversible
            ?? migrations?.first { !$0.isReversible }.map { "the migration \($0.unit), which runs on \($0.host)" }
    }
}
