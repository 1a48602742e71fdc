import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Stale, doubled and foreign input")
struct StaleInputTests {
    private func order(_ rollout: String = "r1", _ action: OrderAction = .install, attempt: Int = 1) throws -> OrderID {
        OrderID(rollout: try RolloutID(rollout), action: action, attempt: attempt)
    }

    private func outcome(_ order: OrderID, _ outcome: HostOutcome) -> OrderOutcome {
        OrderOutcome(order: order, release: Fixture.release, outcome: outcome, running: nil)
    }

    @Test("An outcome that comes twice counts once")
    func doubledOutcome() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(20), limits: Fixture.atOnce()))
        for _ in 0..<5 { try driver.report("h1", .failed(.health)) }
        #expect(driver.state == "running" && driver.view.phases[0].counts.failed == 1)
        try driver.report("h1", .succeeded)
        #expect(try driver.host("h1").state == "failed", "a host speaks once on an order")
    }

    @Test("Words of unknown hosts, of other rollouts and of older attempts move nothing")
    func foreign() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        let h0 = try HostID("h0")
        let before = driver.rollout
        let inputs: [RolloutCommand] = try [
            .outcome(HostID("stranger"), outcome(order(), .succeeded)),
            .outcome(h0, outcome(order("r0"), .succeeded)),
            .outcome(h0, outcome(order(attempt: 0), .succeeded)),
            .outcome(h0, outcome(order(attempt: .min), .succeeded)),
            .progress(h0, OrderProgress(order: order("r0"), release: Fixture.release, step: .staged)),
            .progress(h0, OrderProgress(order: order("r1", .backOut), release: Fixture.release, step: .backingOut)),
            .orderSent(h0, order("r0")), .orderSent(h0, order("r1", .backOut)), .orderSent(h0, order()),
            .orderSent(HostID("stranger"), order()), .contact(HostID("stranger"), .offline),
            .gone(HostID("stranger")), .revocationPublished, .tick,
            .health(
                h0,
                ProductHealth(
                    running: InstalledRelease(release: Fixture.release, manifest: Fixture.manifest, isHealthy: false),
                    detail: "")),
        ]
        for input in inputs { #expect(try driver.do(input).isEmpty, "\(input)") }
        #expect(driver.rollout == before)
    }

    @Test("A host that speaks before its order is recorded as sent is believed")
    func overtakes() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(1)))
        var slow = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(1)))
        slow = driver
        slow.rollout = Rollout()
        slow.carriesOut = false
        try slow.do(.start(#require(driver.rollout.plan), by: "eva"))
        guard case .sendOrder(let host, let order)? = slow.pending.first else { return #expect(Bool(false)) }
        try slow.progress("h0", .received)
        #expect(slow.pending.isEmpty)
        #expect(try slow.do(.orderSent(host, order)).isEmpty)
        #expect(try slow.host("h0").state == "installing")
        try driver.report("h0", .succeeded)
        #expect(driver.state == "succeeded")
    }

    @Test("Steps never go back, and come to nothing after the outcome")
    func steps() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        try driver.progress("h0", .switched)
        try driver.progress("h0", .received)
        #expect(try driver.host("h0").step == .switched)
        try driver.report("h0", .succeeded)
        try driver.progress("h0", .committed)
        #expect(try driver.host("h0").state == "succeeded")
    }

    @Test("A host that reconnects gets its open order again, but nothing new during a halt")
    func outstanding() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        let (h0, h1) = (try HostID("h0"), try HostID("h1"))
        #expect(driver.rollout.outstandingOrders(for: h0) == [try order()])
        try driver.progress("h1", .staged)
        try driver.do(.pause(by: "eva", reason: ""))
        #expect(driver.rollout.outstandingOrders(for: h0).isEmpty)
        #expect(driver.rollout.outstandingOrders(for: h1) == [try order()])
        try driver.do(.resume(by: "eva", reason: ""))
        try driver.succeedAll()
        #expect(driver.rollout.outstandingOrders(for: h0).isEmpty)
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        let told = try HostID(#require(driver.sent.last).host)
        #expect(driver.rollout.outstandingOrders(for: told) == [try order("r1", .backOut)])
        #expect(driver.rollout.outstandingOrders(for: try HostID("stranger")).isEmpty)
    }

    @Test("Before the start nothing moves a rollout and nothing traps")
    func beforeStart() throws {
        let rollout = Rollout()
        #expect(rollout.view == nil && rollout.nextDeadlineAt == nil)
        #expect(rollout.pendingActions(at: Driver.start).isEmpty)
        for command in try [
            RolloutCommand.tick, .controllerReturned, .gone(HostID("h0")), .contact(HostID("h0"), .online),
            .supersede(by: RolloutID("r2")), .revocationPublished,
            .outcome(HostID("h0"), outcome(order(), .succeeded)),
        ] {
            #expect(try rollout.decide(command, at: Driver.start).isEmpty)
        }
    }

    @Test("Facts that do not fit, as from a damaged log, do not trap")
    func strangeFacts() throws {
        var rollout = Rollout()
        let strange: [RolloutFact] = try [
            .phaseStarted(phase: 99), .phasePassed(phase: -1), .bakeStarted(phase: 7, until: Driver.start),
            .hostAdmitted(host: HostID("x"), action: .backOut), .paused(reason: StatusReason(.operatorPaused, "")),
            .backOutStarted(scope: .phase, phase: -5, reason: StatusReason(.operatorBackedOut, "")), .clocksRestarted,
        ]
        for fact in strange { rollout.apply(RolloutEvent(at: Driver.start, fact)) }
        rollout.apply(
            RolloutEvent(at: Driver.start, .started(plan: try Fixture.plan(hosts: Fixture.fleet(3)), by: "eva")))
        for fact in strange {
            rollout.apply(RolloutEvent(at: Driver.start, fact))
            _ = try rollout.decide(.tick, at: Driver.start)
            _ = rollout.view
            _ = rollout.pendingActions(at: Driver.start)
        }
    }
}
