import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Holds of a person: channels and promotions")
struct HoldTests {
    private static let newer = Fixture.name("web-service@2.1")

    private func continuous() throws -> Driver {
        try Driver(
            Fixture.plan(
                .continuous([.init(size: .count(1)), .init(size: .percent(100))]), hosts: Fixture.fleet(3),
                limits: Fixture.atOnce()))
    }

    private func follows(_ driver: Driver) -> Bool { driver.rollout.successor(among: [Self.newer]) != nil }

    @Test("A person's hold of a channel outlasts a newer rollout, a freeze, a day without anybody, and its own end")
    func holdOutlasts() throws {
        let holds: [RolloutCommand] = [
            .pause(by: "eva", reason: "month's end"), .halt(by: "eva", reason: "month's end"),
            .stop(by: "eva", reason: "month's end"), .backOut(.rollout, by: "eva", reason: "month's end"),
        ]
        for hold in holds {
            var driver = try continuous()
            #expect(follows(driver))
            try driver.do(hold)
            #expect(!follows(driver))
            try driver.do(.freeze(by: "otto", reason: "audit"))
            try driver.report("h0", .succeeded)
            try driver.backOutAll()
            try driver.do(.supersede(by: RolloutID("r2")))
            #expect(!follows(driver), "after a newer rollout: \(hold)")
            try driver.do(.resume(by: "eva", reason: "month is over"))
            #expect(follows(driver), "a person lifts it: \(hold)")
            driver.expectReplay()
        }
        var forgotten = try continuous()
        try forgotten.report("h0", .succeeded)
        try forgotten.do(.pause(by: "eva", reason: "month's end"))
        while !forgotten.view.isOver {
            try forgotten.succeedAll()
            if !forgotten.view.isOver { try forgotten.wait() }
        }
        #expect(forgotten.state == "stopped" && forgotten.reason == .unattended && !follows(forgotten))
    }

    @Test("A channel that has nothing in flight is held by pause, halt or stop, and let go by resume")
    func idle() throws {
        for hold in [
            RolloutCommand.pause(by: "eva", reason: "x"), .halt(by: "eva", reason: "x"), .stop(by: "eva", reason: "x"),
        ] {
            var driver = try continuous()
            while !driver.view.isOver { try driver.succeedAll() }
            #expect(driver.state == "succeeded" && follows(driver))
            #expect(try driver.do(hold).count == 1)
            #expect(try driver.do(hold).isEmpty, "said twice")
            #expect(driver.state == "succeeded" && !follows(driver) && driver.rollout.channelHold?.by == "eva")
            #expect(driver.rollout.nextDeadlineAt == nil)
            #expect(try driver.do(.resume(by: "eva", reason: "y")).count == 1)
            #expect(follows(driver) && driver.rollout.channelHold == nil)
            #expect(throws: RolloutError.self) { try driver.do(.resume(by: "eva", reason: "y")) }
            driver.expectReplay()
        }
        var plain = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        try plain.succeedAll()
        #expect(throws: RolloutError.self) { try plain.do(.pause(by: "eva", reason: "x")) }
    }

    @Test("What the engine or a freeze halted does not hold the channel once a newer rollout had the hosts")
    func engineHolds() throws {
        var driver = try continuous()
        try driver.do(.freeze(by: "otto", reason: "audit"))
        #expect(!follows(driver))
        try driver.do(.supersede(by: RolloutID("r2")))
        #expect(follows(driver))
    }

    @Test("What the engine halted is held by a person's pause or halt as well, and by hosts that a person takes back")
    func heldOnTop() throws {
        for hold in [RolloutCommand.pause(by: "eva", reason: "x"), .halt(by: "eva", reason: "x")] {
            var driver = try continuous()
            try driver.report("h0", .succeeded)
            try driver.report("h1", .failed(.install))
            #expect(driver.state == "halted" && follows(driver), "a newer release mends it")
            #expect(try driver.do(hold).count == 1)
            #expect(driver.state == "halted" && !follows(driver) && driver.rollout.channelHold?.by == "eva")
            #expect(try driver.do(hold).isEmpty, "said twice")
            try driver.do(.resume(by: "eva", reason: "y"))
            #expect(driver.rollout.channelHold == nil && follows(driver))
            driver.expectReplay()
        }
        var driver = try continuous()
        while !driver.view.isOver { try driver.succeedAll() }
        try driver.do(.backOut(.hosts([HostID("h1")]), by: "eva", reason: "odd"))
        #expect(!follows(driver))
        try driver.backOutAll()
        #expect(!follows(driver) && driver.rollout.channelHold?.by == "eva")
        try driver.do(.resume(by: "eva", reason: "y"))
        #expect(follows(driver))
        driver.expectReplay()
    }

    // MARK: promotion

    private func waiting() throws -> Driver {
        var driver = try Driver(
            Fixture.plan(
                .phased([.init(size: .count(1), promotion: .manual), .init(size: .percent(100))]),
                hosts: Fixture.fleet(3), limits: Fixture.atOnce()))
        try driver.report("h0", .succeeded)
        #expect(driver.reason == .awaitsPromotion)
        return driver
    }

    @Test("A pause while a phase waits to be promoted is recorded, and nobody promotes it until that is resumed")
    func pauseWhileWaiting() throws {
        var driver = try waiting()
        #expect(try driver.do(.pause(by: "eva", reason: "ask the customer")).count == 1)
        #expect(driver.view.reason == StatusReason(.operatorPaused, "ask the customer", by: "eva"))
        #expect(try driver.do(.pause(by: "otto", reason: "me too")).isEmpty)
        #expect(throws: RolloutError.self) { try driver.do(.promote(by: "otto", reason: "go")) }
        try driver.do(.resume(by: "eva", reason: "they agreed"))
        #expect(driver.reason == .awaitsPromotion && driver.ordered.isEmpty)
        try driver.do(.promote(by: "otto", reason: "go"))
        #expect(driver.state == "running" && driver.ordered.count == 2)
        driver.expectReplay()
    }

    @Test("Resume never passes a phase that waits to be promoted, also not when that was forgotten for a day or frozen")
    func resumeNeverPromotes() throws {
        var driver = try waiting()
        let error = #expect(throws: RolloutError.self) { try driver.do(.resume(by: "eva", reason: "on")) }
        #expect(error?.remedy.contains("slipway rollout promote") == true)
        try driver.advance(.hours(24))
        #expect(driver.reason == .pausedTooLong)
        try driver.do(.resume(by: "eva", reason: "on"))
        #expect(driver.reason == .awaitsPromotion && driver.ordered.isEmpty)
        try driver.do(.freeze(by: "otto", reason: "audit"))
        try driver.do(.resume(by: "eva", reason: "on"))
        #expect(driver.reason == .awaitsPromotion && driver.ordered.isEmpty)
        try driver.advance(.hours(24))
        try driver.do(.promote(by: "eva", reason: "late"))
        #expect(driver.ordered.count == 2)
        driver.expectReplay()
    }

    @Test("A pause that was forgotten while a phase waited is a person's still: resumed, the phase waits on")
    func forgottenPause() throws {
        var driver = try waiting()
        try driver.do(.pause(by: "eva", reason: "ask the customer"))
        try driver.advance(.hours(24))
        #expect(throws: RolloutError.self) { try driver.do(.promote(by: "otto", reason: "go")) }
        try driver.do(.resume(by: "eva", reason: "on"))
        #expect(driver.reason == .awaitsPromotion && driver.ordered.isEmpty)
        driver.expectReplay()
    }
}
