import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Promotion, required successes, groups, precedence, digests")
struct RuleTests {
    private func phased(_ pilot: PhaseDefinition, hosts: Int = 5, limits: RolloutLimits = Fixture.atOnce()) throws
        -> Driver
    {
        try Driver(
            Fixture.plan(
                .phased([pilot, .init(size: .percent(100))]), hosts: Fixture.fleet(hosts), limits: limits))
    }

    // MARK: promotion

    @Test("A phase with manual promotion waits for a person, also over its bake; then the next one starts")
    func promotion() throws {
        for bake in [TimeSpan.zero, .minutes(5)] {
            var driver = try phased(.init(size: .count(1), bake: bake, promotion: .manual))
            try driver.report("h0", .succeeded)
            if bake > .zero { try driver.wait() }
            #expect(driver.state == "paused")
            #expect(driver.reason == .awaitsPromotion)
            #expect(driver.ordered.isEmpty)
            try driver.do(.promote(by: "eva", reason: "looks well"))
            #expect(driver.state == "running")
            #expect(driver.ordered.count == 4)
            try driver.succeedAll()
            #expect(driver.state == "succeeded")
            driver.expectReplay()
        }
    }

    @Test("Only what waits for it is promoted, and the last phase never waits")
    func promotionRefused() throws {
        var driver = try phased(.init(size: .count(1)))
        #expect(throws: RolloutError.self) { try driver.do(.promote(by: "eva", reason: "now")) }
        try driver.do(.pause(by: "eva", reason: "lunch"))
        #expect(throws: RolloutError.self) { try driver.do(.promote(by: "eva", reason: "now")) }
        var last = try Driver(
            Fixture.plan(.phased([.init(size: .percent(100), promotion: .manual)]), hosts: Fixture.fleet(1)))
        try last.report("h0", .succeeded)
        #expect(last.state == "succeeded")
    }

    @Test("A promotion that is forgotten becomes a halt, which ends as unattended")
    func promotionForgotten() throws {
        var driver = try phased(.init(size: .count(1), promotion: .manual))
        try driver.report("h0", .succeeded)
        try driver.advance(.hours(24))
        #expect(driver.state == "halted")
        #expect(driver.reason == .pausedTooLong)
        while !driver.view.isOver { try driver.wait() }
        #expect(driver.state == "stopped")
        #expect(driver.reason == .unattended)
    }

    @Test("A pilot that turns bad while it waits for promotion trips; resuming that does not promote it")
    func badNewsWhileWaiting() throws {
        var driver = try Driver(
            Fixture.plan(
                .phased([.init(size: .count(2), promotion: .manual), .init(size: .percent(100))]),
                hosts: Fixture.fleet(5), limits: Fixture.atOnce(), backOut: .host))
        for host in driver.ordered { try driver.report(host, .succeeded) }
        let running = InstalledRelease(release: Fixture.release, manifest: Fixture.manifest, isHealthy: false)
        try driver.do(.health(HostID("h0"), ProductHealth(running: running, detail: "503")))
        #expect(driver.state == "halted")
        try driver.report("h0", .backedOut(nil), action: .backOut)
        try driver.do(.resume(by: "eva", reason: "known"))
        #expect(driver.reason == .awaitsPromotion)
        try driver.do(.promote(by: "eva", reason: "go"))
        #expect(driver.ordered.count == 3)
    }

    // MARK: required successes

    @Test("Required successes that are set replace what the tolerances leave; a percentage is rounded up")
    func requiredSuccesses() throws {
        func view(_ size: PhaseSize) throws -> PhaseView {
            let phase = PhaseDefinition(
                size: .percent(100), failureTolerance: Tolerance(percent: 100), requiredSuccesses: size)
            return try Driver(Fixture.plan(.phased([phase]), hosts: Fixture.fleet(7))).view.phases[0]
        }
        #expect(try view(.percent(50)).successesRequired == 4)
        #expect(try view(.count(6)).successesRequired == 6)
        #expect(try view(.count(99)).successesRequired == 7)
    }

    @Test("It fails early once the rest cannot reach the required successes")
    func requiredSuccessesOutOfReach() throws {
        let phase = PhaseDefinition(
            size: .percent(100), failureTolerance: Tolerance(percent: 100), requiredSuccesses: .count(4))
        var driver = try Driver(
            Fixture.plan(.phased([phase]), hosts: Fixture.fleet(5), limits: Fixture.atOnce()))
        try driver.report("h1", .backedOut(.health))
        #expect(driver.state == "running")
        try driver.report("h2", .backedOut(.health))
        #expect(driver.reason == .requiredSuccessesOutOfReach)
    }

    // MARK: freeze

    @Test("Freeze now halts what runs, bakes or pauses, and lets back-outs go on")
    func freeze() throws {
        var driver = try phased(.init(size: .count(1)))
        try driver.do(.freeze(by: "eva", reason: "outage"))
        #expect(driver.state == "halted")
        #expect(driver.reason == .operatorFroze)
        var backingOut = try phased(.init(size: .count(1)))
        try backingOut.report("h0", .succeeded)
        try backingOut.do(.backOut(.rollout, by: "eva", reason: "bad"))
        #expect(try backingOut.do(.freeze(by: "eva", reason: "outage")).isEmpty)
        #expect(backingOut.state == "backingOut")
    }

    // MARK: groups

    private func clusters(_ limit: Int = 1, tolerance: Tolerance? = nil) throws -> Driver {
        let hosts = (0..<6).map { Fixture.host("h\($0)", ["cluster": "c\($0 % 2)"]) }
        var limits = Fixture.atOnce(failures: tolerance)
        limits.maxUnavailable = MaxUnavailable(by: "cluster", count: limit)
        return try Driver(Fixture.plan(.bigBang, hosts: hosts, limits: limits, backOut: .host))
    }

    @Test("No more hosts with the same label are changed at once than maxUnavailable allows")
    func maxUnavailable() throws {
        for limit in 1...3 {
            var driver = try clusters(limit)
            while !driver.view.isOver {
                let ordered = driver.ordered
                for cluster in 0...1 {
                    #expect(ordered.count { (Int($0.dropFirst()) ?? 0) % 2 == cluster } <= limit)
                }
                try driver.report(try #require(ordered.first), .succeeded)
            }
            #expect(driver.state == "succeeded")
            driver.expectReplay()
        }
    }

    @Test("maxUnavailable holds over all phases: hosts that catch up in two of them do not start together")
    func groupsAcrossPhases() throws {
        var limits = Fixture.atOnce(offline: Tolerance(percent: 100), grace: .minutes(1))
        limits.maxUnavailable = MaxUnavailable(by: "cluster", count: 1)
        let hosts = (0..<6).map { Fixture.host("h\($0)", (1...3).contains($0) ? ["cluster": "c"] : [:]) }
        let list = try [["h0"], ["h1", "h4"], ["h2", "h5"], ["h3"]].map { try $0.map { try HostID($0) } }
        let phases = list.map { PhaseDefinition(size: .percent(100), members: .list($0)) }
        var driver = try Driver(Fixture.plan(.phased(phases), hosts: hosts, limits: limits))
        for host in ["h1", "h2"] { try driver.contact(host, .offline) }
        for host in ["h0", "h4", "h5"] {
            try driver.report(host, .succeeded)
            if host != "h0" { try driver.advance(.minutes(1)) }
        }
        // The last phase's host is at it when two of its cluster come back, each of an earlier phase.
        #expect(driver.ordered == ["h3"])
        for host in ["h1", "h2"] { try driver.contact(host, .online) }
        #expect(driver.ordered == ["h3"])
        try driver.report("h3", .succeeded)
        #expect(driver.ordered == ["h1"])
        try driver.report("h1", .succeeded)
        #expect(driver.ordered == ["h2"])
    }

    @Test("A host that is down holds up its group; when nothing else is left the rollout halts, a resume goes on")
    func groupWithHostDown() throws {
        var driver = try clusters(tolerance: Tolerance(percent: 50))
        let locked = try #require(driver.ordered.first)
        try driver.report(locked, .backOutFailed)
        while let host = driver.ordered.first { try driver.report(host, .succeeded) }
        #expect(driver.state == "halted")
        #expect(driver.reason == .groupUnavailable)
        try driver.do(.resume(by: "eva", reason: "it is out of the balancer"))
        while let host = driver.ordered.first { try driver.report(host, .succeeded) }
        #expect(driver.state == "succeeded")
    }

    @Test("A back-out keeps maxUnavailable and still ends when a host could not go back")
    func groupsInBackOut() throws {
        var driver = try clusters()
        while let host = driver.ordered.first { try driver.report(host, .succeeded) }
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        var backedOut: [String] = []
        while let host = driver.view.hosts.first(where: { $0.reason.contains("told to back out") }) {
            let going = driver.view.hosts.filter { $0.reason.contains("told to back out") }.map(\.id.text)
            for cluster in 0...1 { #expect(going.count { (Int($0.dropFirst()) ?? 0) % 2 == cluster } <= 1) }
            backedOut.append(host.id.text)
            try driver.report(host.id.text, .backedOut(nil), action: .backOut)
        }
        #expect(backedOut.count == 6)
        #expect(driver.state == "backedOut")
    }

    // MARK: precedence

    @Test("A newer rollout supersedes those that ended or stand still; an emergency and a higher priority all")
    func supersession() throws {
        let new = try Fixture.plan(hosts: Fixture.fleet(3), id: "r2")
        let emergency = try Fixture.plan(hosts: Fixture.fleet(3), urgency: .emergency(reason: "CVE"), id: "r3")
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        let moving = (rollout: driver.rollout, priority: 0)
        let conflict = #expect(throws: RolloutError.self) { try Supersession(of: new, priority: 0, others: [moving]) }
        #expect(conflict?.code == "rollout.plan.conflict")
        #expect(try Supersession(of: new, priority: 1, others: [moving]).givesWay == [RolloutID("r1")])
        #expect(try Supersession(of: emergency, priority: 0, others: [moving]).givesWay == [RolloutID("r1")])
        let higher = (rollout: driver.rollout, priority: 2)
        let outranked = #expect(throws: RolloutError.self) { try Supersession(of: new, priority: 1, others: [higher]) }
        #expect(outranked?.code == "rollout.plan.precedence")
        try driver.do(.pause(by: "eva", reason: "p"))
        let paused = (rollout: driver.rollout, priority: 0)
        #expect(try Supersession(of: new, priority: 0, others: [paused]).givesWay == [RolloutID("r1")])
        let elsewhere = try Fixture.plan(hosts: [Fixture.host("x")], id: "r4")
        #expect(try Supersession(of: elsewhere, priority: 0, others: [moving]).givesWay.isEmpty)
    }

    // MARK: digest

    @Test("A plan's digest is of what was agreed to, not of the hosts that happen to match")
    func digest() throws {
        let plan = try Fixture.plan(hosts: Fixture.fleet(3))
        let later = try Fixture.plan(hosts: Fixture.fleet(4), id: "r2")
        #expect(try plan.digest == later.digest)
        #expect(later.materialChanges(since: plan).isEmpty)
        #expect(later.hostChanges(since: plan).came == [try HostID("h3")])
        #expect(plan.hostChanges(since: later).left == [try HostID("h3")])
        let other = try Fixture.plan(.bigBang, hosts: Fixture.fleet(3), query: "not critical")
        #expect(try other.digest != plan.digest)
        let changes = other.materialChanges(since: plan)
        #expect(changes.count == 2)
        #expect(changes[0] == "the host query was all, is not critical")
    }
}
