import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Two sides, late joiners, continuous")
struct SidesTests {
    private func plan(bake: TimeSpan = .zero, backOut: BackOutScope = .rollout) throws -> RolloutPlan {
        let hosts = (0..<6).map { Fixture.host("h\($0)", ["slot": $0 < 3 ? "blue" : "green"]) }
        return try Fixture.plan(
            .parallel(
                ParallelDefinition(
                    first: try HostQuery("slot=blue"), second: try HostQuery("slot=green"),
                    switchHook: try HookName("lb-switch"), bake: bake)), hosts: hosts, limits: Fixture.atOnce(),
            backOut: backOut)
    }

    private func answer(_ driver: inout Driver, _ succeeded: Bool = true) throws {
        let order = try #require(driver.switches.last)
        try driver.do(.trafficAnswered(order, succeeded: succeeded, detail: succeeded ? "" : "exit 1"))
    }

    @Test("The first side takes the release, the traffic is switched and watched, then the second side follows")
    func forward() throws {
        var driver = try Driver(plan(bake: .minutes(10)))
        #expect(driver.ordered.sorted() == ["h0", "h1", "h2"])
        try driver.succeedAll()
        #expect(driver.switches.isEmpty)
        try driver.wait()
        #expect(driver.switches.map(\.isBack) == [false])
        #expect(driver.ordered.isEmpty)
        #expect(driver.rollout.holds.map(\.what) == [.traffic])
        try answer(&driver)
        #expect(driver.ordered.isEmpty)
        try driver.advance(.minutes(10))
        #expect(driver.ordered.count == 3)
        try driver.succeedAll()
        try driver.wait()
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("A switch that fails, or never answers, halts before the second side is touched; a resume tries it again")
    func fails() throws {
        for answers in [true, false] {
            var driver = try Driver(plan())
            try driver.succeedAll()
            if answers { try answer(&driver, false) } else { try driver.wait() }
            #expect(driver.reason == .trafficFailed)
            #expect(driver.sent.count == 3)
            try driver.do(.resume(by: "eva", reason: "cable"))
            #expect(driver.switches.map(\.attempt) == [1, 2])
            try answer(&driver)
            #expect(driver.ordered.count == 3)
            driver.expectReplay()
        }
    }

    @Test("Backed out, the second side goes back first, then the traffic, then the first side")
    func back() throws {
        var driver = try Driver(plan())
        try driver.succeedAll()
        try answer(&driver)
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.backOutAll()
        #expect(Set(driver.sent.filter { $0.action == .backOut }.map(\.host)) == ["h3", "h4", "h5"])
        #expect(driver.switches.map(\.isBack) == [false, true])
        try answer(&driver)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.sent.count { $0.action == .backOut } == 6)
        driver.expectReplay()
    }

    @Test("Backed out while the second side had said nothing: it is asked back, then the traffic, then the first side")
    func backUnheard() throws {
        var driver = try Driver(plan())
        try driver.succeedAll()
        try answer(&driver)
        #expect(driver.ordered.count == 3)
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.advance(.seconds(60))
        #expect(Set(driver.sent.filter { $0.action == .backOut }.map(\.host)) == ["h3", "h4", "h5"])
        for host in ["h3", "h4", "h5"] { try driver.report(host, .alreadyCurrent, action: .backOut) }
        #expect(driver.switches.map(\.isBack) == [false, true])
        try answer(&driver)
        // The brake holds for the side that has something to leave.
        #expect(driver.sent.count { $0.action == .backOut } == 4)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        driver.expectReplay()
    }

    @Test("A failing second side is backed out alone: the traffic stays on the first")
    func backSecond() throws {
        var driver = try Driver(plan(backOut: .phase))
        try driver.succeedAll()
        try answer(&driver)
        try driver.report("h3", .backedOut(.health))
        try driver.report("h4", .backedOut(.health))
        try driver.report("h5", .succeeded)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.switches.map(\.isBack) == [false])
    }

    @Test("After the controller was away the switch is started again")
    func controllerAway() throws {
        var driver = try Driver(plan())
        try driver.succeedAll()
        try driver.do(.controllerReturned)
        #expect(driver.switches.count == 2)
        #expect(driver.switches[0] == driver.switches[1])
    }

    @Test("Sides without hosts, or with hosts in common, are refused")
    func refused() throws {
        let hosts = (0..<4).map { Fixture.host("h\($0)", ["slot": "blue"]) }
        let sides = ParallelDefinition(
            first: try HostQuery("slot=blue"), second: try HostQuery("slot=green or id=h1"),
            switchHook: try HookName("lb-switch"))
        let error = #expect(throws: RolloutError.self) { try Fixture.plan(.parallel(sides), hosts: hosts) }
        #expect(error?.summary.contains("1 hosts are on both sides, as h1") == true)
    }

    // MARK: late joiners

    @Test("A late joiner waits for the pilot, then catches up, and counts for no threshold")
    func lateJoiner() throws {
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(bake: .minutes(5)), hosts: Fixture.fleet(4), limits: Fixture.atOnce()))
        try driver.do(.joined(Fixture.host("late", ["pilot": "true"])))
        #expect(try driver.host("late").state == "waiting")
        try driver.report("h0", .succeeded)
        #expect(try driver.host("late").state == "waiting")
        try driver.wait()
        #expect(driver.ordered.contains("late"))
        let hold = try driver.rollout.hold(of: HostID("late"))
        #expect(
            hold?.text.contains(" is to catch up: it came after the start. Has its order") == true,
            "\(hold?.text ?? "-")")
        try driver.report("late", .backedOut(.health))
        #expect(driver.state == "running")
        for host in driver.ordered { try driver.report(host, .succeeded) }
        try driver.wait()
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases.map(\.hosts) == [1, 3])
        driver.expectReplay()
    }

    @Test("A host that had said nothing when it was planned, and pulls, gets its order through the channel")
    func found() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        #expect(driver.ordered.count == 2)
        try driver.do(.joined(Fixture.host("h1", pulls: true)))
        #expect(driver.channels.last?.included == [try HostID("h1")])
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("A host that says that it was unhealthy before does not count, however it ends")
    func saysUnhealthy() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3), limits: Fixture.atOnce(failures: Tolerance.none)))
        let order = OrderID(rollout: try RolloutID("r1"), action: .install)
        var outcome = OrderOutcome(order: order, release: Fixture.release, outcome: .backedOut(.health), running: nil)
        outcome.unhealthyBefore = "503"
        try driver.do(.outcome(HostID("h1"), outcome))
        #expect(driver.state == "running")
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("Continuous: the newest release that may go there follows; a person's stop holds, and nothing goes back")
    func successor() throws {
        let releases = ["web-service@1.5", "web-service@2.1", "web-service@2.2", "other@9.0"].map(Fixture.name)
        let plan = try Fixture.plan(
            .continuous(RolloutStrategy.phasesByDefault), hosts: Fixture.fleet(3), limits: Fixture.atOnce())
        var driver = try Driver(plan)
        #expect(driver.rollout.successor(among: releases) == Fixture.name("web-service@2.2"))
        #expect(driver.rollout.successor(among: [Fixture.release, Fixture.before]) == nil)
        try driver.do(.pause(by: "eva", reason: "lunch"))
        #expect(driver.rollout.successor(among: releases) == nil)
        try driver.do(.resume(by: "eva", reason: "back"))
        try driver.report("h0", .backedOut(.health))
        // What goes back is let go back first; then a newer release mends it.
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.rollout.successor(among: releases) == Fixture.name("web-service@2.2"))
        let plain = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(3)))
        #expect(plain.rollout.successor(among: releases) == nil)
    }

    @Test("Who joins after the success catches up; after a back-out, or twice, or unmatched, nobody does")
    func joinedLater() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3), query: "not never", limits: Fixture.atOnce()))
        try driver.succeedAll()
        #expect(try driver.do(.joined(Fixture.host("x", ["never": "true"]))).isEmpty)
        try driver.do(.joined(Fixture.host("late")))
        #expect(driver.ordered == ["late"])
        #expect(try driver.do(.joined(Fixture.host("late"))).isEmpty)
        try driver.report("late", .succeeded)
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.backOutAll()
        #expect(driver.sent.contains { $0.host == "late" && $0.action == .backOut })
        #expect(try driver.do(.joined(Fixture.host("later"))).isEmpty)
        driver.expectReplay()
    }
}
