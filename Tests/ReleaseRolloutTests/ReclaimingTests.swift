import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Hosts that a newer rollout left where they were")
struct ReclaimingTests {
    /// `h0` has the release from this rollout, which was stopped and then superseded.
    private func superseded(hosts: Int = 4, pulling: Range<Int> = 0..<0) throws -> Driver {
        var driver = try Driver(
            Fixture.plan(
                Fixture.pilotThenAll(), hosts: Fixture.fleet(hosts, pulling: pulling), limits: Fixture.atOnce()))
        driver.carriesOut = false
        for _ in 0..<2 { for action in driver.pending { _ = try driver.carryOut(action) } }
        try driver.report("h0", .succeeded)
        try driver.do(.stop(by: "eva", reason: "pilot looks odd"))
        driver.carriesOut = true
        try driver.do(.tick)
        #expect(driver.state == "stopped")
        try driver.do(.supersede(by: RolloutID("r2")))
        return driver
    }

    @Test("A rollout that was superseded takes back the hosts that the newer one left on what it brought")
    func reclaims() throws {
        var driver = try superseded()
        let h0 = try HostID("h0")
        #expect(throws: RolloutError.self) { try driver.do(.backOut(.rollout, by: "eva", reason: "bad")) }
        #expect(driver.rollout.canTakeBack(h0))
        try driver.do(.reclaim([h0]))
        #expect(driver.pending.isEmpty && driver.rollout.nextDeadlineAt == nil)
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        #expect(driver.sent.last.map { $0.host == "h0" && $0.action == .backOut } == true)
        try driver.report("h0", .backedOut(nil), action: .backOut)
        #expect(driver.state == "backedOut" && driver.revocations == 1)
        #expect(driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("By name too: the others are the newer rollout's, and nothing starts for them again")
    func byName() throws {
        var driver = try superseded()
        try driver.do(.reclaim([HostID("h0")]))
        #expect(throws: RolloutError.self) { try driver.do(.backOut(.hosts([HostID("h1")]), by: "eva", reason: "bad")) }
        try driver.do(.backOut(.hosts([HostID("h0")]), by: "eva", reason: "bad"))
        #expect(driver.rollout.isTakingBack)
        try driver.contact("h1", .offline)
        try driver.contact("h1", .online)
        try driver.report("h0", .backedOut(nil), action: .backOut)
        #expect(!driver.rollout.isTakingBack && driver.pending.isEmpty)
        #expect(driver.sent.count { $0.action == .install } == 1)
        driver.expectReplay()
    }

    @Test(
        "One that succeeded with everyone and was superseded never offers its release again while it takes hosts back")
    func offersNothing() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3, pulling: 0..<3), limits: Fixture.atOnce()))
        try driver.succeedAll()
        #expect(driver.channels.last?.everyone == true)
        try driver.do(.supersede(by: RolloutID("r2")))
        try driver.do(.reclaim([HostID("h1")]))
        try driver.do(.backOut(.hosts([HostID("h1")]), by: "eva", reason: "bad"))
        #expect(driver.channels.last?.included.map(\.text) == ["h1"] && driver.channels.last?.order.action == .backOut)
        try driver.report("h1", .backedOut(nil), action: .backOut)
        #expect(driver.channels.last?.order.action == .backOut && driver.channels.last?.everyone == false)
        driver.expectReplay()
    }

    @Test(
        "Not reclaimed: a host that had the release before, one that could not go back, and any before a supersession")
    func notReclaimed() throws {
        var driver = try Driver(
            Fixture.plan(
                .bigBang,
                hosts: [Fixture.host("h0", running: Fixture.release), Fixture.host("h1"), Fixture.host("h2")],
                limits: Fixture.atOnce(failures: Tolerance(percent: 100))))
        try driver.report("h0", .alreadyCurrent)
        try driver.report("h1", .backOutFailed)
        try driver.report("h2", .succeeded)
        let all = try ["h0", "h1", "h2"].map { try HostID($0) }
        #expect(try driver.do(.reclaim(all)).isEmpty)
        try driver.do(.supersede(by: RolloutID("r2")))
        #expect(all.map(driver.rollout.canTakeBack) == [false, false, true])
        #expect(driver.rollout.hadRelease(all[0]))
        try driver.do(.reclaim(all))
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        #expect(driver.sent.filter { $0.action == .backOut }.map(\.host) == ["h2"])
        try driver.report("h2", .backedOut(nil), action: .backOut)
        driver.expectReplay()
    }

    @Test("A still newer rollout ends what was reclaimed by name, and waits for the end of a back-out of the whole")
    func supersededAgain() throws {
        var driver = try superseded()
        try driver.do(.reclaim([HostID("h0")]))
        try driver.do(.backOut(.hosts([HostID("h0")]), by: "eva", reason: "bad"))
        #expect(try driver.do(.supersede(by: RolloutID("r3"))).count == 1)
        #expect(driver.pending.isEmpty && driver.rollout.nextDeadlineAt == nil && !driver.rollout.isTakingBack)
        try driver.do(.reclaim([HostID("h0")]))
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        #expect(try driver.do(.supersede(by: RolloutID("r4"))).isEmpty)
        try driver.report("h0", .backedOut(nil), action: .backOut, attempt: 2)
        #expect(driver.state == "backedOut")
        driver.expectReplay()
    }

    @Test("Where hosts had the release before, the refusal to back out says that another rollout brought it")
    func refusalSaysWhere() throws {
        var driver = try Driver(
            Fixture.plan(
                .bigBang, hosts: [Fixture.host("h0", running: Fixture.release), Fixture.host("h1")],
                limits: Fixture.atOnce()))
        try driver.report("h0", .alreadyCurrent)
        try driver.report("h1", .succeeded)
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.report("h1", .backedOut(nil), action: .backOut)
        for target in [BackOutTarget.rollout, .hosts([try HostID("h0")])] {
            let error = #expect(throws: RolloutError.self) { try driver.do(.backOut(target, by: "eva", reason: "bad")) }
            #expect(error?.code == "rollout.verb.nothingToBackOut")
            #expect(error?.remedy.contains("1 host had it before: slipway doctor names the rollout") == true)
        }
    }
}
