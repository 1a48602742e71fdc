import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Plan equals deed")
struct DeedTests {
    @Test("1 000 random fleets: those who start are those of the plan, in its order, phase by phase, or it is refused")
    func planEqualsDeed() throws {
        var refused = 0
        for seed in 0..<UInt64(1000) {
            var choice = SeededChoice(seed: seed)
            guard let plan = try? Self.plan(&choice) else {
                refused += 1
                continue
            }
            try play(plan, seed)
        }
        #expect((1...500).contains(refused))
    }

    private static func plan(_ choice: inout SeededChoice) throws -> RolloutPlan {
        let count = choice.number(0..<40)
        let hosts = (0..<count).map { index in
            Fixture.host(
                "h\(index)",
                [
                    "zone": choice.one(["a", "b"]), "cluster": "c\(index / 4)",
                    "pilot": choice.chance(5) ? "true" : "false",
                ],
                pulls: choice.chance(20), running: choice.chance(10) ? nil : Fixture.before)
        }
        var limits = RolloutLimits(parallelism: choice.one([.percent(25), .percent(100), .count(1), .count(3)]))
        if choice.chance(30) { limits.maxUnavailable = MaxUnavailable(by: "cluster", count: choice.one([1, 2])) }
        let strategy: RolloutStrategy =
            switch choice.number(0..<5) {
            case 0: .bigBang
            case 1: .phasedByDefault
            case 2: .phased([.init(size: .count(2), bake: .minutes(3)), .init(size: .percent(100))])
            case 3:
                .phased([
                    .init(size: .percent(100), members: .query(try HostQuery("zone=a"))), .init(size: .percent(100)),
                ])
            default: .phased([.init(size: .percent(50))])
            }
        let starts =
            choice.chance(30)
            ? (0..<50).map {
                StartInterval(
                    from: Driver.start + .hours(Int64($0) * 2 + 1), until: Driver.start + .hours(Int64($0) * 2 + 2))
            } : nil
        return try Fixture.plan(strategy, hosts: hosts, limits: limits, starts: starts)
    }

    private func play(_ plan: RolloutPlan, _ seed: UInt64) throws {
        let schedule = PlanSchedule(plan, at: Driver.start)
        var driver = try Driver(plan)
        var started: [HostID: UInt64] = [:]
        var startedAt: [HostID: UTCInstant] = [:]
        while !driver.view.isOver {
            for event in driver.log {
                guard case .hostAdmitted(let host, .install) = event.fact, startedAt[host] == nil else { continue }
                startedAt[host] = event.at
                started[host] = UInt64(startedAt.count)
            }
            if let host = driver.ordered.first { try driver.report(host, .succeeded) } else { try driver.wait() }
        }
        #expect(driver.state == "succeeded", "seed \(seed)")
        #expect(Set(startedAt.keys) == Set(plan.hosts.map(\.id)), "seed \(seed)")
        var last: UInt64 = 0
        for (phase, early) in zip(plan.phases, schedule.earliestStarts) {
            let order = phase.hosts.compactMap { started[$0.id] }
            // A limit by label lets others pass a host whose cluster is busy; never another phase's.
            if plan.definition.limits.maxUnavailable == nil { #expect(order == order.sorted(), "seed \(seed)") }
            #expect(order.allSatisfy { $0 > last }, "seed \(seed)")
            last = order.max() ?? last
            for (host, earliest) in zip(phase.hosts, early) {
                let earliest = try #require(earliest)
                #expect(try #require(startedAt[host.id]) >= earliest, "seed \(seed): \(host.id)")
            }
        }
        if let end = schedule.latestEnd { #expect(driver.now <= end, "seed \(seed)") }
    }
}
