import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Verbs")
struct VerbTests {
    private func running() throws -> Driver { try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(8))) }

    @Test("Pause: no new starts; hosts in flight finish; resume goes on")
    func pause() throws {
        var driver = try running()
        try driver.do(.pause(by: "eva", reason: "lunch"))
        for host in driver.ordered { try driver.report(host, .succeeded) }
        #expect(driver.sent.count == 2 && driver.state == "paused")
        #expect(driver.view.reason == StatusReason(.operatorPaused, "lunch", by: "eva"))
        try driver.do(.resume(by: "eva", reason: "back"))
        #expect(driver.sent.count == 4)
        driver.expectReplay()
    }

    @Test("A pause stops the clock of the phase, not that of a host")
    func pauseClocks() throws {
        var driver = try Driver(Fixture.plan(Fixture.pilotThenAll(bake: .seconds(60)), hosts: Fixture.fleet(3)))
        try driver.report("h0", .succeeded)
        try driver.advance(.seconds(20))
        try driver.do(.pause(by: "eva", reason: ""))
        try driver.advance(.seconds(600))
        #expect(driver.state == "paused")
        try driver.do(.resume(by: "eva", reason: ""))
        #expect(driver.state == "baking" && driver.view.bakingUntil == driver.now + .seconds(40))

        var other = try running()
        try other.progress(other.ordered[0], .staged)
        try other.do(.pause(by: "eva", reason: ""))
        try other.wait()
        #expect(other.view.hosts.contains { $0.failure == .lost })
    }

    @Test("An admitted host whose order has not gone out does not get it during a pause")
    func pauseBeforeSending() throws {
        var driver = try running()
        driver.carriesOut = false
        try driver.report(driver.ordered[0], .succeeded)
        #expect(driver.pending.count == 1)
        try driver.do(.pause(by: "eva", reason: ""))
        #expect(driver.pending.isEmpty)
        try driver.do(.resume(by: "eva", reason: ""))
        #expect(driver.pending.count == 1)
    }

    @Test("An order that crossed a pause on its way counts: the host has it")
    func orderCrossesPause() throws {
        var driver = try running()
        driver.carriesOut = false
        try driver.report(driver.ordered[0], .succeeded)
        guard case .sendOrder(let host, let order)? = driver.pending.first else { return #expect(Bool(false)) }
        try driver.do(.pause(by: "eva", reason: ""))
        #expect(try driver.do(.orderSent(host, order)).count == 1)
        #expect(try driver.host(host.text).state == "ordered")
    }

    @Test("A halt reminds every hour and stops as unattended after 24 h")
    func halt() throws {
        var driver = try running()
        try driver.do(.halt(by: "eva", reason: "smoke"))
        for host in driver.ordered { try driver.report(host, .succeeded) }
        try driver.advance(.minutes(59))
        #expect(!driver.log.contains { $0.fact == .haltReminded })
        while driver.state == "halted" { try driver.wait() }
        #expect(driver.log.count { $0.fact == .haltReminded } == 23)
        #expect(driver.state == "stopped" && driver.reason == .unattended)
        #expect(driver.now == Driver.start + .hours(24))
        #expect(driver.sent.count == 2)
        driver.expectReplay()
    }

    @Test("A pause that is forgotten becomes a halt")
    func forgottenPause() throws {
        var driver = try running()
        try driver.do(.pause(by: "eva", reason: ""))
        while driver.state == "paused" { try driver.wait() }
        #expect(driver.state == "halted")
    }

    @Test("Stop: no new starts, hosts in flight finish, then the rollout is stopped")
    func stop() throws {
        var driver = try running()
        let hosts = driver.ordered
        try driver.do(.stop(by: "eva", reason: "enough"))
        #expect(driver.state == "stopping" && driver.hosts(in: "cancelled").count == 6)
        try driver.report(hosts[0], .succeeded)
        #expect(driver.state == "stopping")
        try driver.report(hosts[1], .backedOut(.health))
        #expect(driver.state == "stopped" && driver.reason == .operatorStopped)
        #expect(driver.sent.count == 2 && driver.revocations == 0)
        driver.expectReplay()
    }

    @Test("Abort and keep leaves the release where it is; abort and back out does not")
    func abort() throws {
        var keep = try running()
        try keep.report(keep.ordered[0], .succeeded)
        try keep.do(.abort(.keep, by: "eva", reason: ""))
        try keep.succeedAll()
        #expect(keep.state == "stopped" && keep.reason == .operatorAborted && keep.revocations == 0)

        var back = try running()
        let hosts = back.ordered
        try back.report(hosts[0], .succeeded)
        try back.do(.abort(.backOut(.rollout), by: "eva", reason: ""))
        for host in back.ordered { try back.report(host, .succeeded) }
        try back.backOutAll()
        #expect(back.state == "backedOut" && back.revocations == 1 && back.view.stillRunning.isEmpty)

        var some = try running()
        try some.report(hosts[0], .succeeded)
        try some.do(.abort(.backOut(.hosts([HostID(hosts[0])])), by: "eva", reason: ""))
        try some.backOutAll()
        try some.succeedAll()
        #expect(some.state == "stopped")
        #expect(some.sent.count { $0.action == .backOut } == 1)
    }

    @Test("A verb that does not fit is refused with the state it found; one said twice changes nothing")
    func refusals() throws {
        var driver = try running()
        let error = #expect(throws: RolloutError.self) { try driver.do(.resume(by: "eva", reason: "")) }
        #expect(error?.code == "rollout.verb.notPossible")
        #expect(error?.summary == "Rollout r1 of web-service@2.0 is running: it cannot be resumed.")
        try driver.do(.pause(by: "eva", reason: ""))
        #expect(try driver.do(.pause(by: "eva", reason: "")).isEmpty)
        try driver.do(.halt(by: "eva", reason: ""))
        #expect(try driver.do(.halt(by: "eva", reason: "")).isEmpty)
        #expect(throws: RolloutError.self) { try driver.do(.pause(by: "eva", reason: "")) }
        try driver.do(.stop(by: "eva", reason: ""))
        #expect(try driver.do(.stop(by: "eva", reason: "")).isEmpty)
        try driver.succeedAll()
        for verb in [RolloutCommand.pause(by: "", reason: ""), .halt(by: "", reason: ""), .stop(by: "", reason: "")] {
            #expect(throws: RolloutError.self) { try driver.do(verb) }
        }
        let plan = try #require(driver.rollout.plan)
        #expect(try driver.do(.start(plan, by: "eva")).isEmpty)
        #expect(throws: RolloutError.self) { try driver.do(.start(Fixture.plan(hosts: Fixture.fleet(1)), by: "eva")) }
        #expect(throws: RolloutError.self) { try Rollout().decide(.pause(by: "", reason: ""), at: Driver.start) }
    }

    @Test("A newer rollout takes the hosts over: the older one ends and sends nothing more")
    func supersede() throws {
        var driver = try running()
        try driver.do(.supersede(by: RolloutID("r2")))
        #expect(driver.state == "superseded" && driver.pending.isEmpty && driver.rollout.nextDeadlineAt == nil)
        #expect(try driver.do(.supersede(by: RolloutID("r3"))).isEmpty)
        let error = #expect(throws: RolloutError.self) {
            try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        }
        #expect(error?.code == "rollout.verb.superseded")
        driver.expectReplay()

        var done = try running()
        try done.succeedAll()
        try done.do(.supersede(by: RolloutID("r2")))
        #expect(done.state == "succeeded", "a closed verdict never changes")
    }

    @Test("A back-out is finished though a newer rollout comes")
    func supersedeBackingOut() throws {
        var driver = try running()
        try driver.report(driver.ordered[0], .succeeded)
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        #expect(try driver.do(.supersede(by: RolloutID("r2"))).isEmpty)
        #expect(driver.state == "backingOut")
        try driver.contact(#require(driver.sent.last).host, .offline)
        while driver.state != "backedOut" {
            try driver.backOutAll()
            if driver.state != "backedOut" { try driver.wait() }
        }
        #expect(try driver.do(.supersede(by: RolloutID("r2"))).isEmpty, "hosts that come back are still taken back")
    }

    @Test("A rollout that has succeeded and was superseded lets nobody catch up with it")
    func supersededCatchUp() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(10), limits: Fixture.atOnce()))
        try driver.contact("h3", .offline)
        for host in driver.ordered where host != "h3" { try driver.report(host, .succeeded) }
        try driver.wait()
        #expect(driver.state == "succeeded")
        try driver.do(.supersede(by: RolloutID("r2")))
        let sent = driver.sent.count
        try driver.contact("h3", .online)
        #expect(driver.sent.count == sent && driver.pending.isEmpty)
    }
}
