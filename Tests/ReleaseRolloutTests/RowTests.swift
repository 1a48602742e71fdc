import AgentProtocol
import Foundation
import ReleaseDefinition
import ReleaseRollout
import Testing

/// Rows of faults.md that are the engine's alone.
@Suite("Rows of the faults")
struct RowTests {
    @Test("R25: every state of a rollout has a deadline or something to do, and left alone it ends")
    func everyStateHasADeadline() throws {
        var seen: Set<String> = []
        func leave(_ driver: Driver) throws {
            var driver = driver
            seen.insert(driver.state)
            for _ in 0..<400 where !driver.view.isOver {
                #expect(driver.rollout.nextDeadlineAt != nil || !driver.pending.isEmpty, "\(driver.state)")
                try driver.wait()
                seen.insert(driver.state)
            }
            #expect(driver.view.isOver)
        }
        let plan = try Fixture.plan(Fixture.pilotThenAll(bake: .minutes(10)), hosts: Fixture.fleet(5))
        var running = try Driver(plan)
        try leave(running)
        try running.report("h0", .succeeded)
        #expect(running.state == "baking")
        try leave(running)
        try running.do(.pause(by: "eva", reason: "p"))
        try leave(running)
        try running.do(.resume(by: "eva", reason: "r"))
        try running.advance(.minutes(10))
        var halted = running
        try halted.do(.halt(by: "eva", reason: "h"))
        try leave(halted)
        var stopping = running
        try stopping.do(.stop(by: "eva", reason: "s"))
        try leave(stopping)
        var backingOut = running
        try backingOut.do(.backOut(.rollout, by: "eva", reason: "b"))
        try leave(backingOut)
        try backingOut.do(.pause(by: "eva", reason: "p"))
        try leave(backingOut)
        #expect(
            seen.isSuperset(of: [
                "running", "baking", "paused", "halted", "stopping", "backingOut", "stopped", "backedOut", "failed",
            ]))
    }

    @Test(
        "R20: a host that hangs in an update of the agent holds up neither the other hosts nor rollouts of other products"
    )
    func hungHost() throws {
        let fleet = Fixture.fleet(10)
        var definition = try Fixture.definition(.bigBang, limits: Fixture.atOnce())
        definition.release = Fixture.name("slipway-agent@2.0")
        var update = try Driver(
            RolloutPlan.make(
                definition, manifest: Fixture.manifest, id: RolloutID("agents"), hosts: fleet, urgency: .ordinary,
                starts: nil, migrations: []))
        #expect(update.now == Driver.start && update.sent.count == 10)
        // h0 takes its order and is never heard of again.
        for number in 1..<10 { try update.report("h\(number)", .succeeded) }
        #expect(!update.view.isOver)
        let plan = try Fixture.plan(.bigBang, hosts: fleet, limits: Fixture.atOnce(), id: "web")
        #expect(try Supersession(of: plan, priority: 0, others: [(update.rollout, 9)]).givesWay.isEmpty)
        let other = try Driver(plan)
        #expect(other.now == Driver.start && other.sent.count == 10)
    }

    @Test("R29: an emergency takes the hosts from fifty rollouts under way and goes to every host in the same moment")
    func emergency() throws {
        let fleet = Fixture.fleet(20, pulling: 10..<20)
        var others: [(rollout: Rollout, priority: Int)] = []
        for number in 0..<50 {
            let plan = try Fixture.plan(hosts: fleet, id: "r\(number)")
            others.append((try Driver(plan).rollout, number))
        }
        let plan = try Fixture.plan(hosts: fleet, urgency: .emergency(reason: "CVE"), id: "emergency")
        let supersession = try Supersession(of: plan, priority: 0, others: others)
        #expect(supersession.givesWay.count == 50)
        for (rollout, _) in others {
            var older = rollout
            for event in try older.decide(.supersede(by: plan.id), at: Driver.start) { older.apply(event) }
            #expect(older.pendingActions(at: Driver.start).isEmpty)
            #expect(older.outstandingOrders(for: HostID(unchecked: "h0")).isEmpty)
        }
        let driver = try Driver(plan)
        #expect(driver.now == Driver.start)
        #expect(driver.sent.count == 10)
        #expect(driver.channels.last?.included.count == 10)
    }

    @Test("R47: a report costs the same whatever the number of hosts")
    func constantCost() throws {
        func cost(_ count: Int) throws -> Double {
            let plan = try Fixture.plan(
                .bigBang, hosts: Fixture.fleet(count), limits: RolloutLimits(parallelism: .percent(100)))
            var rollout = Rollout()
            for event in try rollout.decide(.start(plan, by: "eva"), at: Driver.start) { rollout.apply(event) }
            let order = OrderID(rollout: plan.id, action: .install)
            let start = clock()
            for number in 0..<400 {
                let id = HostID(unchecked: "h\(number * 7 % count)")
                for event in try rollout.decide(.orderSent(id, order), at: Driver.start) { rollout.apply(event) }
                let progress = OrderProgress(order: order, release: Fixture.release, step: .staged)
                for event in try rollout.decide(.progress(id, progress), at: Driver.start) { rollout.apply(event) }
            }
            return Double(clock() - start)
        }
        _ = try cost(500)
        let few = try cost(500)
        let many = try cost(25_000)
        // Fifty times the hosts; processor time, with room for what the caches make of it.
        #expect(many < few * 8, "\(many) against \(few)")
    }

    @Test("Back to what was before, and no further: an older rollout is not backed out in the face of a newer one")
    func noCascade() throws {
        var older = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce(), id: "r1"))
        try older.succeedAll()
        try older.do(.supersede(by: RolloutID("r2")))
        for target in [BackOutTarget.rollout, .phase, .hosts([try HostID("h0")])] {
            #expect {
                try older.do(.backOut(target, by: "eva", reason: "b"))
            } throws: { ($0 as? RolloutError)?.code == "rollout.verb.superseded" }
        }
    }

    @Test("A host below the bound that is not meant is left out by name")
    func leftOut() throws {
        let hosts = (0..<3000).map { Fixture.host("p\($0)", ["late": $0 % 50 == 0 ? "true" : "false"], pulls: true) }
        let phases: [PhaseDefinition] = [
            .init(size: .percent(100), members: .query(try HostQuery("not late"))), .init(size: .percent(100)),
        ]
        let plan = try Fixture.plan(
            .phased(phases), hosts: hosts, limits: RolloutLimits(parallelism: .percent(100)))
        let view = try #require(try Driver(plan).channels.last)
        #expect(view.bucketBound > 0)
        #expect(!view.excluded.isEmpty && view.excluded.count <= 60)
        for host in hosts { #expect(view.names(host.id) == (host.labels["late"] == "false"), "\(host.id)") }
    }

    @Test("A rollout of a part of the hosts never means strangers: as many as may be named go, then the next")
    func partNamesOnly() throws {
        let hosts = (0..<2500).map { Fixture.host("p\($0)", ["zone": "a"], pulls: true) }
        let plan = try Fixture.plan(
            .bigBang, hosts: hosts, query: "zone=a", limits: RolloutLimits(parallelism: .percent(100)))
        var driver = try Driver(plan)
        driver.carriesOut = false
        var done: Set<HostID> = []
        while done.count < hosts.count {
            let view = try #require(driver.channels.last)
            #expect(view.bucketBound == 0 && view.excluded.isEmpty && view.included.count <= 1000)
            #expect(!(0..<500).contains { view.names(HostID(unchecked: "stranger\($0)")) })
            let next = view.included.filter { !done.contains($0) }
            try #require(!next.isEmpty)
            for host in next { try driver.report(host.text, .succeeded) }
            done.formUnion(next)
            driver.carriesOut = true
            try driver.do(.tick)
            driver.carriesOut = false
        }
        #expect(driver.rollout.view?.state == "succeeded")
    }

    @Test("Many pulling hosts are meant by a bound of their buckets, with at most 1 000 exceptions either way")
    func bucketBound() throws {
        let count = 6000
        let hosts = (0..<count).map { Fixture.host("p\($0)", $0 % 500 == 0 ? ["pilot": "true"] : [:], pulls: true) }
        let plan = try Fixture.plan(
            .phased([.init(size: .count(12)), .init(size: .percent(60)), .init(size: .percent(100))]), hosts: hosts,
            limits: RolloutLimits(parallelism: .percent(100)))
        var driver = try Driver(plan)
        for phase in 0..<3 {
            let view = try #require(driver.channels.last)
            #expect(view.included.count <= 1000 && view.excluded.count <= 1000)
            #expect((view.bucketBound > 0) == (phase > 0))
            let meant = Set(plan.phases[0...phase].flatMap(\.hosts).map(\.id))
            #expect(plan.hosts.allSatisfy { view.names($0.id) == meant.contains($0.id) })
            #expect(!view.names(HostID(unchecked: "stranger")) || view.bucketBound > 0)
            guard phase < 2 else { break }
            // All at once: the channel is said anew when they are done.
            driver.carriesOut = false
            for host in plan.phases[phase].hosts { try driver.report(host.id.text, .succeeded) }
            driver.carriesOut = true
            try driver.do(.tick)
        }
    }
}
