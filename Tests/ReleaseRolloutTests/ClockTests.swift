import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Deadlines and contact")
struct ClockTests {
    @Test("A host that had started and vanished is lost at its progress deadline")
    func lost() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.advance(.minutes(1))
        try driver.progress("h0", .received)
        #expect(try driver.host("h0").deadlineAt == Driver.start + .minutes(10))
        try driver.advance(.minutes(9))
        #expect(try driver.host("h0").failure == .lost)
    }

    @Test("A host that never said a word about its order is offline, not lost")
    func offline() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.wait()
        #expect(try driver.host("h0").state == "offline")
        #expect(driver.state == "halted" && driver.reason == .insufficientReach)
    }

    @Test("A pushed host out of contact is not ordered; after the grace it is offline")
    func grace() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(4)))
        let first = driver.ordered[0]
        try driver.contact(first, .offline)
        let others = driver.hosts(in: "waiting")
        try driver.contact(others[0], .offline)
        try driver.report(first, .succeeded)
        #expect(driver.ordered == [others[1]], "the host out of contact does not hold up the next")
        try driver.succeedAll()
        #expect(driver.state == "running")
        try driver.wait()
        #expect(driver.now == Driver.start + .minutes(15))
        #expect(try driver.host(others[0]).state == "offline")
        #expect(driver.reason == .insufficientReach)
        let hold = driver.rollout.hold(of: try HostID(others[0]))
        let order = OrderID(rollout: try #require(driver.rollout.plan).id, action: .install)
        #expect(hold?.text == "It was not reached in time; its order, \(order), stands for when it is back.")
        try driver.do(.abort(.keep, by: "eva", reason: "a"))
        #expect(driver.rollout.hold(of: try HostID(others[0]))?.text == "It was not reached in time.")
    }

    @Test("Of a host that pulls and was not heard of it is said that a copy of the repository may be behind")
    func pulls() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(1, pulling: 0..<1)))
        try driver.wait()
        #expect(try driver.host("h0").state == "offline")
        #expect(driver.rollout.hold(of: try HostID("h0"))?.text.contains("slipway repository publish") == true)
    }

    @Test("A host that is found out of contact before its order went out gives its place to the next")
    func placeGoesOn() throws {
        let plan = try Fixture.plan(.bigBang, hosts: Fixture.fleet(8))
        var rollout = Rollout()
        var commands = [RolloutCommand.start(plan, by: "eva")]
        commands += plan.phases[0].hosts.prefix(2).map { .contact($0.id, .offline) }
        for command in commands {
            for event in try rollout.decide(command, at: Driver.start) { rollout.apply(event) }
        }
        let expected = plan.phases[0].hosts[2..<4].map {
            RolloutAction.sendOrder(host: $0.id, order: OrderID(rollout: plan.id, action: .install))
        }
        #expect(Set(rollout.pendingActions(at: Driver.start)) == Set(expected))
    }

    @Test("Offline hosts have a budget of their own and do not count as failures")
    func budget() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(10), limits: Fixture.atOnce()))
        try driver.contact("h3", .offline)
        for host in driver.ordered where host != "h3" { try driver.report(host, .succeeded) }
        try driver.wait()
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases[0].counts.offline == 1 && driver.view.phases[0].counts.failed == 0)
        #expect(driver.view.phases[0].offlineAllowed == 1)
    }

    @Test("A catch-up order stands: an offline host that returns gets it, also after the rollout succeeded")
    func catchUp() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(10), limits: Fixture.atOnce()))
        try driver.contact("h3", .offline)
        for host in driver.ordered where host != "h3" { try driver.report(host, .succeeded) }
        try driver.wait()
        #expect(driver.state == "succeeded")
        let endedAt = driver.now
        try driver.contact("h3", .online)
        #expect(driver.sent.last?.host == "h3")
        let hold = try #require(driver.rollout.hold(of: try HostID("h3")))
        let order = OrderID(rollout: try #require(driver.rollout.plan).id, action: .install)
        let words =
            "Order \(order) is to catch up: it was not reached in time and is back, and for it alone the rollout goes on, "
            + "which ended at \(endedAt). "
        #expect(hold.what == .answer && hold.text.hasPrefix(words), "\(hold)")
        #expect(hold.text.hasSuffix("Its answer is waited for."))
        try driver.report("h3", .succeeded)
        #expect(try driver.rollout.hold(of: HostID("h3")) == nil)
        #expect(try driver.host("h3").state == "succeeded")
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("Hosts that return together are started within the parallelism")
    func returnTogether() throws {
        var driver = try Driver(
            Fixture.plan(
                .bigBang, hosts: Fixture.fleet(8), limits: RolloutLimits(offlineTolerance: Tolerance(percent: 90))))
        for host in driver.view.hosts.map(\.id.text).dropFirst(2) { try driver.contact(host, .offline) }
        try driver.succeedAll()
        try driver.wait()
        #expect(driver.state == "succeeded")
        for host in driver.hosts(in: "offline") { try driver.contact(host, .online) }
        #expect(driver.ordered.count == 2)
        try driver.succeedAll()
        #expect(driver.hosts(in: "succeeded").count == 8)
    }

    @Test("A pulling host's grace is two check intervals, its progress clock starts with its first step")
    func pulling() throws {
        let hosts = [Fixture.host("p", pulls: true, checkInterval: .minutes(5))]
        var driver = try Driver(Fixture.plan(hosts: hosts))
        #expect(try driver.host("p").deadlineAt == Driver.start + .minutes(10))
        try driver.advance(.minutes(8))
        try driver.progress("p", .received)
        #expect(try driver.host("p").deadlineAt == Driver.start + .minutes(18))
        try driver.wait()
        #expect(try driver.host("p").failure == .lost)

        var silent = try Driver(Fixture.plan(hosts: hosts))
        try silent.wait()
        #expect(try silent.host("p").state == "offline")
    }

    @Test("A loopback check interval of 1 s leaves room all the same", arguments: [TimeSpan.seconds(1), .days(3000)])
    func graceBounds(interval: TimeSpan) throws {
        let driver = try Driver(Fixture.plan(hosts: [Fixture.host("p", pulls: true, checkInterval: interval)]))
        let grace = try #require(driver.host("p").deadlineAt).since(Driver.start)
        #expect(grace == (interval == .seconds(1) ? .seconds(60) : .hours(48)))
    }

    @Test("A host that comes back past its deadline has the time to deliver what it queued")
    func reportGrace() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.contact("h0", .online)
        try driver.progress("h0", .staged)
        try driver.advance(.seconds(595))
        try driver.contact("h0", .offline)
        try driver.advance(.seconds(4))
        try driver.contact("h0", .online)
        try driver.advance(.seconds(10))
        #expect(driver.state == "running")
        try driver.report("h0", .succeeded)
        #expect(driver.view.currentPhase == 2)
    }

    @Test("Flapping does not keep a host alive for ever")
    func flapping() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(1)))
        try driver.progress("h0", .staged)
        while driver.state == "running" {
            try driver.advance(.seconds(20))
            try driver.contact("h0", driver.now.millisecondsSince1970 % 40_000 == 0 ? .online : .offline)
            #expect(driver.now < Driver.start + .minutes(30))
        }
        #expect(try driver.host("h0").failure == .lost)
    }

    @Test("A host that flaps and never answers its order ends too")
    func flappingWithoutAWord() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(1)))
        var rounds = 0
        while !["halted", "stopped"].contains(driver.state) {
            try driver.advance(.minutes(3))
            try driver.contact("h0", rounds.isMultiple(of: 7) ? .offline : .online)
            rounds += 1
            #expect(rounds < 1000)
        }
        #expect(driver.reason == .insufficientReach)
    }

    @Test("The silence while the controller was away is held against nobody")
    func controllerReturned() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.progress("h0", .staged)
        driver.now = driver.now + .hours(5)
        try driver.do(.controllerReturned)
        #expect(driver.state == "running")
        try driver.report("h0", .succeeded)
        #expect(driver.view.currentPhase == 2)
        driver.expectReplay()
    }

    @Test("A bake that ended while the controller was away still leaves time for bad news")
    func bakeAfterReturn() throws {
        var driver = try Driver(Fixture.plan(Fixture.pilotThenAll(bake: .hours(1)), hosts: Fixture.fleet(3)))
        try driver.report("h0", .succeeded)
        driver.now = driver.now + .hours(5)
        try driver.do(.controllerReturned)
        #expect(driver.state == "baking" && driver.view.bakingUntil == driver.now + .minutes(1))
    }

    @Test("A late report updates the record of the host, not the closed verdict")
    func lateReport() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(10), limits: Fixture.atOnce()))
        try driver.progress("h3", .staged)
        for host in driver.ordered where host != "h3" { try driver.report(host, .succeeded) }
        try driver.wait()
        #expect(driver.state == "succeeded")
        #expect(try driver.host("h3").failure == .lost)
        try driver.report("h3", .succeeded)
        #expect(try driver.host("h3").running == Fixture.release)
        #expect(driver.view.phases[0].counts.failed == 1)
    }

    @Test("A report that arrives before the tick counts, though its deadline has passed")
    func reportBeforeTick() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.progress("h0", .staged)
        driver.now = driver.now + .minutes(11)
        try driver.report("h0", .succeeded)
        #expect(driver.view.currentPhase == 2)
    }

    @Test("A host that its own schedule holds has its clock from then on: it is not lost before, and is after")
    func heldByItself() throws {
        for pulls in [false, true] {
            func driver() throws -> Driver {
                try Driver(
                    Fixture.plan(Fixture.pilotThenAll(), hosts: Fixture.fleet(4, pulling: pulls ? 0..<4 : 0..<0)))
            }
            func progress(_ step: InstallationStep, heldUntil: UTCInstant?) throws -> RolloutCommand {
                .progress(
                    try HostID("h0"),
                    OrderProgress(
                        order: OrderID(rollout: try RolloutID("r1"), action: .install), release: Fixture.release,
                        step: step, heldUntil: heldUntil))
            }
            var held = try driver()
            let sunday = held.now + .days(6)
            let deadline = sunday + RolloutLimits().progressDeadline
            try held.progress("h0", .received)
            #expect(try held.do(progress(.staged, heldUntil: sunday)).count == 1)
            #expect(try held.do(progress(.staged, heldUntil: sunday)).isEmpty, "said twice")
            #expect(try held.host("h0").deadlineAt == deadline)
            try held.advance(.days(3))
            try held.do(.controllerReturned)
            try held.advance(.days(2))
            #expect(held.state == "running" && held.view.nextDeadlineAt == deadline)
            // A newer word holds it longer; an older one does not shorten that.
            let monday = sunday + .days(1)
            #expect(try held.do(progress(.staged, heldUntil: monday)).count == 1)
            #expect(try held.do(progress(.staged, heldUntil: sunday)).isEmpty)
            var late = held
            try late.advance(.days(2) + RolloutLimits().progressDeadline)
            #expect(try late.host("h0").failure == .lost && late.state == "backingOut")
            late.expectReplay()
            // It begins before it said it would: its clock starts then.
            try held.do(progress(.stopping, heldUntil: monday))
            #expect(try held.host("h0").deadlineAt == held.now + RolloutLimits().progressDeadline)
            try held.report("h0", .succeeded)
            #expect(held.state == "running" && held.view.currentPhase == 2)
            held.expectReplay()
            // No host holds a rollout for ever, nor once it has stopped anything.
            var bold = try driver()
            try bold.do(progress(.staged, heldUntil: bold.now + .days(4000)))
            #expect(try bold.host("h0").deadlineAt == bold.now + .days(32) + RolloutLimits().progressDeadline)
            var begun = try driver()
            try begun.do(progress(.switched, heldUntil: begun.now + .days(2)))
            #expect(try begun.host("h0").deadlineAt == begun.now + RolloutLimits().progressDeadline)
        }
    }
}
