import ReleaseDefinition
import ReleaseRollout

/// Rules that most rollouts do without, by choices of their own, so that older seeds keep their worlds otherwise.
struct RareRules {
    private var choice: SeededChoice

    init(_ choice: SeededChoice) {
        var choice = choice
        // Away from the choices that other rare rules are made by.
        for _ in 0..<17 { _ = choice.number(0..<100) }
        self.choice = choice
    }

    /// Hosts that were unhealthy before, machines that come and go, and fleets that have the release already.
    mutating func hosts(_ hosts: [PlanHost]) -> [PlanHost] {
        let (unhealthy, ephemeral) = (choice.one([0, 0, 0, 10, 60]), choice.one([0, 0, 0, 30]))
        return hosts.map { host in
            var host = host
            if choice.chance(unhealthy) { host.isUnhealthy = true }
            if choice.chance(ephemeral) { host.labels["ephemeral"] = "true" }
            return host
        }
    }

    mutating func limits(_ definition: inout RolloutDefinition) {
        if choice.chance(30) { definition.limits.unhealthyBefore = .skip }
        if choice.chance(10) { definition.irreversible = "a column" }
        if choice.chance(10) { definition.limits.silentAfter = choice.one([.minutes(10), .hours(5)]) }
        if choice.chance(30) { definition.limits.earlyLife = choice.one([.zero, .minutes(20)]) }
    }

    /// Windows of some hours, or of minutes, each day or each hour.
    mutating func starts() -> [StartInterval]? {
        guard choice.chance(15) else { return nil }
        let (every, span) = choice.one([
            (TimeSpan.hours(1), TimeSpan.minutes(7)), (.hours(24), .hours(2)), (.hours(6), .minutes(1)),
        ])
        let first = Simulation.start + .minutes(Int64(choice.number(0..<600)) - 300)
        return (0..<choice.one([3, 400])).map { number in
            let from = first + every * Int64(number)
            return StartInterval(from: from, until: from + span)
        }
    }

    /// On hosts of one cluster, which is always there.
    mutating func migrations() -> [MigrationUnit] {
        guard choice.chance(12), let unit = try? UnitName("schema"), let query = try? HostQuery("cluster=c0") else {
            return []
        }
        return [MigrationUnit(unit: unit, runOn: query, isReversible: choice.chance(60))]
    }

    mutating func strategy(_ definition: inout RolloutDefinition) {
        switch choice.number(0..<12) {
        case 0:
            guard let first = try? HostQuery("cluster in (c0,c2,c4,c6,c8)"),
                let second = try? HostQuery("cluster in (c1,c3,c5,c7,c9,c10,c11,c12,c13,c14,c15,c16)"),
                let hook = try? HookName("switch")
            else { return }
            definition.hosts = (try? HostQuery("cluster in (c0,c1,c2,c3)")) ?? definition.hosts
            definition.strategy = .parallel(
                ParallelDefinition(
                    first: first, second: second, switchHook: hook, timeout: .minutes(2),
                    bake: choice.one([.zero, .minutes(10)])))
        case 1:
            guard let query = try? HostQuery("cluster in (c0,c1)") else { return }
            definition.strategy = .phased([
                .init(size: .percent(choice.one([50, 100])), members: .query(query)), .init(size: .percent(100)),
            ])
        default: break
        }
    }
}
