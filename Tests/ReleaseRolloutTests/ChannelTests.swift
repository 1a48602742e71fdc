import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Pulling hosts and their channel")
struct ChannelTests {
    private func names(_ view: ChannelView?) -> [String] { view?.included.map(\.text) ?? [] }

    @Test("Pulling hosts are admitted by name, phase by phase; at 100 % the channel is for everyone")
    func admits() throws {
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(), hosts: Fixture.fleet(3, pulling: 0..<2), limits: Fixture.atOnce()))
        #expect(names(driver.channels.last) == ["h0"])
        #expect(driver.sent.isEmpty)
        try driver.report("h0", .succeeded)
        #expect(names(driver.channels.last) == ["h0", "h1"])
        #expect(driver.channels.last?.everyone == false && driver.channels.last?.bucketBound == 0)
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        #expect(driver.channels.last?.everyone == true)
        #expect(driver.channels.last?.bucketBound == HostBucket.everyoneBound)
        driver.expectReplay()
    }

    @Test("A rollout that did not mean all hosts never opens the channel to everyone")
    func notEveryone() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3, pulling: 0..<1), query: "pilot"))
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        #expect(driver.channels.map(\.everyone) == [false])
    }

    @Test("A host that failed is excluded when the channel opens to everyone")
    func excluded() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(10, pulling: 0..<3), limits: Fixture.atOnce()))
        try driver.report("h1", .backedOut(.health))
        #expect(names(driver.channels.last) == ["h0", "h2"])
        try driver.succeedAll()
        #expect(driver.channels.last?.excluded.map(\.text) == ["h1"])
    }

    @Test("A rollout of pushed hosts alone says nothing on the channel until it is for everyone")
    func pushedOnly() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2)))
        #expect(driver.channels.isEmpty)
        try driver.succeedAll()
        #expect(driver.channels.map(\.everyone) == [true])

        var failing = try Driver(Fixture.plan(hosts: Fixture.fleet(2)))
        try failing.report("h0", .backedOut(.health))
        #expect(failing.state == "backedOut" && failing.channels.isEmpty && failing.revocations == 1)
    }

    @Test("A halt takes the offer back from hosts that have said nothing; resuming makes it again")
    func withdraws() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3, pulling: 0..<3), limits: Fixture.atOnce()))
        try driver.progress("h1", .received)
        try driver.do(.halt(by: "eva", reason: ""))
        #expect(names(driver.channels.last) == ["h1"])
        #expect(driver.hosts(in: "waiting") == ["h0", "h2"] || driver.hosts(in: "waiting").sorted() == ["h0", "h2"])
        try driver.progress("h2", .received)
        #expect(try driver.host("h2").state == "installing", "it had fetched the offer before")
        try driver.do(.resume(by: "eva", reason: ""))
        #expect(names(driver.channels.last) == ["h0", "h1", "h2"])
        driver.expectReplay()
    }

    @Test("When a rollout backs out, the revocation comes first, then the channel orders its hosts back")
    func backsOut() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3, pulling: 0..<2), limits: Fixture.atOnce()))
        try driver.succeedAll()
        driver.carriesOut = false
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        #expect(driver.pending.first == .revoke(Fixture.manifest))
        #expect(driver.pending.count == 3, "revoke, the brake host, the channel without the offer")
        driver.carriesOut = true
        try driver.do(.tick)
        #expect(driver.channels.last?.order.action == .backOut)
        #expect(driver.sent.last?.host == "h2", "the brake is a host that answers at once")
        #expect(names(driver.channels.last).isEmpty)
        try driver.report("h2", .backedOut(nil), action: .backOut)
        #expect(names(driver.channels.last) == ["h0", "h1"])
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        driver.expectReplay()
    }

    @Test("A back-out withdraws the offer, and asks a host that has said nothing where it stands")
    func backOutWithdraws() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(4, pulling: 0..<1), limits: Fixture.atOnce()))
        for host in ["h1", "h2", "h3"] { try driver.report(host, .backedOut(.health)) }
        #expect(driver.state == "backingOut")
        #expect(driver.channels.last?.order.action == .backOut && names(driver.channels.last) == ["h0"])
        #expect(driver.view.stillRunning.map(\.text) == ["h0"])
        try driver.report("h0", .alreadyCurrent, action: .backOut)
        #expect(driver.state == "backedOut" && driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("A pulling host that had fetched the offer before it was withdrawn is taken back")
    func fetchedBefore() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(4, pulling: 0..<1), limits: Fixture.atOnce()))
        for host in ["h1", "h2", "h3"] { try driver.report(host, .backedOut(.health)) }
        try driver.progress("h0", .staged)
        try driver.report("h0", .succeeded)
        #expect(driver.state == "backingOut" && names(driver.channels.last) == ["h0"])
        try driver.report("h0", .backedOut(nil), action: .backOut)
        #expect(driver.state == "backedOut" && driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("A host that goes back by itself upon a revocation is recorded though nobody ordered it")
    func selfMade() throws {
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(), hosts: Fixture.fleet(3, pulling: 0..<1), limits: Fixture.atOnce()))
        try driver.succeedAll()
        try driver.do(.backOut(.phase, by: "eva", reason: ""))
        try driver.backOutAll()
        #expect(driver.view.stillRunning.map(\.text) == ["h0"])
        try driver.report("h0", .backedOut(nil), action: .backOut)
        #expect(driver.view.stillRunning.isEmpty)
    }

    @Test("The word of another rollout on the channel, and the same word again, change nothing")
    func foreignView() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(2, pulling: 0..<2)))
        let foreign = ChannelView(order: OrderID(rollout: try RolloutID("r9"), action: .install), included: [])
        #expect(try driver.do(.channelPublished(foreign)).isEmpty)
        #expect(try driver.do(.channelPublished(#require(driver.channels.last))).isEmpty)
    }

    @Test(
        "A host takes the channel's attempt as its own: a retry is a new one, its old word is not heard again (seed 1008752)"
    )
    func attemptOfChannel() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3, pulling: 0..<3), limits: Fixture.atOnce()))
        try driver.succeedAll()
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        let first = try #require(driver.channels.last?.included.first).text
        try driver.report(first, .backOutFailed, action: .backOut)
        try driver.do(.resume(by: "eva", reason: "again"))
        try driver.report(first, .backedOut(nil), action: .backOut, attempt: 2)
        let second = try #require(driver.channels.last?.included.first { $0.text != first }).text
        #expect(driver.channels.last?.order.attempt == 2)
        try driver.report(second, .backOutFailed, action: .backOut, attempt: 2)
        try driver.do(.resume(by: "eva", reason: "again"))
        #expect(driver.channels.last?.order.attempt == 3)
        try driver.report(second, .backOutFailed, action: .backOut, attempt: 2)
        #expect(try driver.host(second).state == "backingOut")
        try driver.report(second, .backedOut(nil), action: .backOut, attempt: 3)
        #expect(try driver.host(second).state == "backedOut")
    }

    @Test(
        "A pulling host whose time was up before the channel named it is listed and asked back (seed 242805871885108)")
    func namedTooLate() throws {
        let plan = try Fixture.plan(
            .bigBang, hosts: Fixture.fleet(10, pulling: 0..<1),
            limits: Fixture.atOnce(offline: Tolerance(percent: 100), grace: .seconds(5)))
        // The channel is written late.
        var driver = try Driver(plan, carriesOut: false)
        for case .sendOrder(let host, let order) in driver.pending {
            _ = try driver.carryOut(.sendOrder(host: host, order: order))
        }
        try driver.advance(.seconds(6))
        #expect(try driver.host("h0").state == "offline")
        driver.carriesOut = true
        try driver.do(.tick)
        #expect(names(driver.channels.last) == ["h0"])
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        #expect(driver.view.stillRunning.map(\.text).contains("h0"))
        while !driver.view.isOver {
            try driver.backOutAll()
            if !driver.view.isOver { try driver.wait() }
        }
        #expect(names(driver.channels.last) == ["h0"] && driver.channels.last?.order.action == .backOut)
        driver.expectReplay()
    }
}
