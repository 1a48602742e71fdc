import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Back-out")
struct BackOutTests {
    private func succeeded(_ count: Int, pulling: Range<Int> = 0..<0) throws -> Driver {
        var driver = try Driver(
            Fixture.plan(
                Fixture.pilotThenAll(), hosts: Fixture.fleet(count, pulling: pulling), limits: Fixture.atOnce()))
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        return driver
    }

    @Test(
        "When the pilot has backed itself out, nothing is left to do: the rollout ends backed out, its release revoked")
    func pilotFails() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.progress("h0", .switched)
        driver.carriesOut = false
        try driver.report("h0", .backedOut(.health))
        #expect(driver.state == "backedOut")
        #expect(driver.reason == .failuresOverTolerance)
        #expect(driver.view.reason?.text == "1 host of 1 in pilot failed, 0 allowed.")
        #expect(driver.pending == [.revoke(Fixture.manifest)])
        driver.carriesOut = true
        try driver.do(.tick)
        #expect(driver.pending.isEmpty && driver.revocations == 1)
        #expect(driver.sent.count == 1)
        #expect(driver.view.stillRunning.isEmpty)
        #expect(driver.view.phases.map(\.state) == ["backedOut", "notReached", "notReached"])
        #expect(driver.rollout.nextDeadlineAt == nil)
        driver.expectReplay()
    }

    @Test("A pilot that is lost trips, and is backed out when it is heard of again")
    func lostPilot() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.contact("h0", .online)
        try driver.progress("h0", .switched)
        try driver.contact("h0", .offline)
        try driver.wait()
        #expect(driver.state == "backingOut")
        #expect(try driver.host("h0").failure == .lost)
        try driver.wait()
        #expect(driver.state == "backedOut")
        #expect(driver.view.stillRunning.map(\.text) == ["h0"])
        try driver.contact("h0", .online)
        #expect(driver.sent.last?.action == .backOut)
        try driver.report("h0", .backedOut(nil), action: .backOut)
        #expect(driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("The wave begins with one host; the others follow once it is healthy, as many as the parallelism allows")
    func brake() throws {
        var driver = try succeeded(9)
        try driver.do(.backOut(.rollout, by: "eva", reason: "wrong prices"))
        #expect(driver.hosts(in: "backingOut").count == 9)
        #expect(driver.sent.filter { $0.action == .backOut }.count == 1)
        let first = try #require(driver.sent.last).host
        #expect(first != "h0", "newest phase first")
        try driver.report(first, .backedOut(nil), action: .backOut)
        #expect(driver.sent.filter { $0.action == .backOut }.count == 8, "the rest of the newest phase")
        for host in driver.sent.suffix(6).map(\.host) { try driver.report(host, .backedOut(nil), action: .backOut) }
        #expect(driver.sent.filter { $0.action == .backOut }.count == 8, "the pilot waits for the newest phase")
        try driver.backOutAll()
        #expect(driver.sent.last?.host == "h0")
        #expect(driver.state == "backedOut" && driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("The wave keeps the parallelism of the phase")
    func waveParallelism() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(8)))
        try driver.succeedAll()
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        try driver.report(#require(driver.sent.last).host, .backedOut(nil), action: .backOut)
        while driver.state == "backingOut" {
            let told = driver.view.hosts.filter { $0.reason.contains("told to back out") }
            #expect((1...2).contains(told.count))
            try driver.report(told[0].id.text, .backedOut(nil), action: .backOut)
        }
        #expect(driver.state == "backedOut")
    }

    @Test("An emergency has no brake")
    func emergencyHasNoBrake() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(8), urgency: .emergency(reason: "CVE")))
        #expect(driver.ordered.count == 8)
        try driver.succeedAll()
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        #expect(driver.sent.filter { $0.action == .backOut }.count == 8)
    }

    @Test("A brake host that goes out of contact does not hold up the wave")
    func brakeHostVanishes() throws {
        var driver = try succeeded(4)
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        let first = try #require(driver.sent.last).host
        try driver.contact(first, .offline)
        #expect(driver.sent.filter { $0.action == .backOut }.count == 2)
    }

    @Test("More failed back-outs than the tolerance stop the wave; resuming tries them again, twice, then hands off")
    func waveStops() throws {
        var driver = try succeeded(4)
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        let first = try #require(driver.sent.last).host
        for attempt in 1...3 {
            try driver.report(first, .backOutFailed, action: .backOut, attempt: attempt)
            #expect(driver.state == "halted" && driver.reason == .backOutFailures)
            #expect(driver.sent.filter { $0.action == .backOut }.count == attempt)
            try driver.do(.resume(by: "eva", reason: "again"))
        }
        #expect(driver.state == "backingOut")
        #expect(driver.sent.last?.host != first)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.view.stillRunning.map(\.text) == [first])
        #expect(try driver.host(first).state == "backOutFailed")
        #expect(driver.rollout.hasNotBackedOut && driver.rollout.notBackedOut.map(\.text) == [first])
        #expect(driver.rollout.holds.last?.text.contains("and 1 host could not go back: \(first).") == true)
        driver.expectReplay()
    }

    @Test("Hosts in flight end first and are then taken back; hosts in turn never start")
    func inFlight() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(8)))
        let hosts = driver.ordered
        try driver.progress(hosts[0], .starting)
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        #expect(driver.hosts(in: "cancelled").count == 6)
        #expect(driver.state == "backingOut")
        try driver.report(hosts[0], .succeeded)
        #expect(driver.sent.last?.host == hosts[0] && driver.sent.last?.action == .backOut)
        try driver.report(hosts[1], .backedOut(.health))
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.sent.count == 3)
    }

    @Test("A host that locked itself after a failed back-out is not touched again")
    func neverBackOutABackOut() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.report("h0", .backOutFailed)
        #expect(driver.state == "backedOut")
        #expect(driver.sent.count == 1)
        #expect(driver.view.stillRunning.map(\.text) == ["h0"])
        #expect(driver.rollout.notBackedOut.map(\.text) == ["h0"])
    }

    @Test("A host that is asked again may yet go back: then nothing is left of what it could not")
    func couldAfterAll() throws {
        var driver = try succeeded(4)
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        let first = try #require(driver.sent.last).host
        #expect(!driver.rollout.hasNotBackedOut && driver.rollout.notBackedOut.isEmpty)
        try driver.report(first, .backOutFailed, action: .backOut)
        #expect(driver.rollout.notBackedOut.map(\.text) == [first])
        try driver.do(.resume(by: "eva", reason: "mended"))
        try driver.report(first, .backedOut(nil), action: .backOut, attempt: 2)
        try driver.backOutAll()
        #expect(driver.state == "backedOut" && !driver.rollout.hasNotBackedOut && driver.rollout.notBackedOut.isEmpty)
        driver.expectReplay()
    }

    @Test("A host that ran the release before this rollout is not backed out by it, but listed")
    func ranBefore() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(3), limits: Fixture.atOnce()))
        try driver.report("h0", .alreadyCurrent)
        try driver.succeedAll()
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(!driver.sent.contains { $0.host == "h0" && $0.action == .backOut })
        #expect(driver.view.stillRunning.map(\.text) == ["h0"])
    }

    @Test("A host that had its order and never answered is asked back too, and listed until it says where it is")
    func unheard() throws {
        let limits = Fixture.atOnce(offline: Tolerance(percent: 100), grace: .minutes(1))
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(4), limits: limits))
        try driver.contact("h0", .offline)
        try driver.wait()
        #expect(try driver.host("h0").state == "offline")
        for host in ["h1", "h2", "h3"] { try driver.report(host, .failed(.install)) }
        #expect(driver.state == "backingOut")
        try driver.wait()
        #expect(driver.state == "backedOut" && driver.view.stillRunning.map(\.text) == ["h0"])
        try driver.report("h0", .succeeded)
        try driver.contact("h0", .online)
        #expect(driver.sent.last?.host == "h0" && driver.sent.last?.action == .backOut)
        try driver.report("h0", .backedOut(nil), action: .backOut)
        #expect(driver.state == "backedOut" && driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("A host that turns out late to have the release is taken back though the verdict is closed")
    func lateSuccess() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(4)))
        try driver.report("h0", .backedOut(.health))
        #expect(driver.state == "backedOut")
        // Its order had gone out and was never recorded: the controller died in between.
        try driver.report("h2", .succeeded)
        #expect(driver.sent.last?.host == "h2" && driver.sent.last?.action == .backOut)
        #expect(driver.view.stillRunning.map(\.text) == ["h2"])
        try driver.report("h2", .backedOut(nil), action: .backOut)
        #expect(driver.state == "backedOut" && driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("Single hosts are backed out on a person's word, without a revocation, and count as failures")
    func singleHosts() throws {
        var driver = try succeeded(4)
        try driver.do(.backOut(.hosts([HostID("h2")]), by: "eva", reason: "strange"))
        #expect(driver.sent.last?.host == "h2" && driver.sent.last?.action == .backOut)
        #expect(driver.state == "succeeded" && driver.revocations == 0)
        #expect(try driver.do(.backOut(.hosts([HostID("h2")]), by: "eva", reason: "strange")).isEmpty)
        let error = #expect(throws: RolloutError.self) {
            try driver.do(.backOut(.hosts([HostID("h2"), HostID("h9")]), by: "eva", reason: ""))
        }
        #expect(error?.code == "rollout.verb.nothingToBackOut")

        var running = try Driver(Fixture.plan(Fixture.pilotThenAll(bake: .minutes(5)), hosts: Fixture.fleet(4)))
        try running.report("h0", .succeeded)
        try running.do(.backOut(.hosts([HostID("h0")]), by: "eva", reason: "strange"))
        #expect(running.state == "backingOut", "the pilot has no tolerance")
    }

    @Test("A back-out of the newest phase can be widened to the rollout")
    func widened() throws {
        var driver = try succeeded(3)
        try driver.do(.backOut(.phase, by: "eva", reason: ""))
        try driver.backOutAll()
        #expect(driver.state == "backedOut" && driver.view.stillRunning.map(\.text) == ["h0"])
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        #expect(driver.state == "backingOut")
        try driver.backOutAll()
        #expect(driver.state == "backedOut" && driver.view.stillRunning.isEmpty)
        #expect(driver.revocations == 1)
        #expect(throws: RolloutError.self) { try driver.do(.backOut(.rollout, by: "eva", reason: "")) }
    }

    @Test("A paused back-out starts no host; a back-out nobody decides about for 24 h has failed")
    func pausedBackOut() throws {
        var driver = try succeeded(4)
        driver.carriesOut = false
        try driver.do(.backOut(.rollout, by: "eva", reason: ""))
        try driver.do(.pause(by: "eva", reason: "wait"))
        driver.carriesOut = true
        try driver.do(.tick)
        #expect(!driver.sent.contains { $0.action == .backOut })
        while driver.state == "paused" { try driver.wait() }
        #expect(driver.reason == .pausedTooLong)
        while driver.state == "halted" { try driver.wait() }
        #expect(driver.state == "failed" && driver.reason == .backOutIncomplete)
        driver.expectReplay()
    }

    @Test("A host that comes back while a back-out is halted does not queue for the release (seed 1916)")
    func returnDuringHaltedBackOut() throws {
        var driver = try Driver(
            Fixture.plan(
                Fixture.pilotThenAll(), hosts: Fixture.fleet(12), limits: Fixture.atOnce(grace: .minutes(1))))
        try driver.contact("h11", .offline)
        for host in 0..<11 { try driver.report("h\(host)", .succeeded) }
        try driver.advance(.minutes(1))
        #expect(driver.state == "succeeded")
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.do(.halt(by: "eva", reason: "wait"))
        try driver.contact("h11", .online)
        let state = try driver.host("h11").state
        #expect(state == "offline")
    }

    @Test("A machine that has left is not taken back, not waited for and not listed (history 3)")
    func goneInBackOut() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(3), limits: Fixture.atOnce()))
        try driver.report("h0", .succeeded)
        try driver.do(.gone(HostID("h1")))
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.report("h2", .succeeded)
        #expect(driver.hosts(in: "backingOut") == ["h2", "h0"] || driver.hosts(in: "backingOut") == ["h0", "h2"])
        try driver.do(.gone(HostID("h0")))
        try driver.do(.gone(HostID("h2")))
        #expect(driver.state == "backedOut")
        #expect(driver.view.stillRunning.isEmpty)
    }

    @Test("What a host had said late, before it left, stands (history 48)")
    func goneAfterLateWord() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(30), limits: Fixture.atOnce()))
        try driver.progress("h1", .received)
        try driver.advance(.minutes(10))
        try driver.report("h1", .succeeded)
        try driver.do(.gone(HostID("h1")))
        #expect(driver.view.phases[0].counts.failed == 1)
    }
}
