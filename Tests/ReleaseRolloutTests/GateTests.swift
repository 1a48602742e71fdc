import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Gates and thresholds")
struct GateTests {
    @Test("A rollout goes from phase to phase and succeeds")
    func succeeds() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        #expect(driver.ordered == ["h0"])
        try driver.report("h0", .succeeded)
        #expect(driver.view.currentPhase == 2)
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases.map(\.state) == ["passed", "passed", "passed"])
        #expect(driver.sent.count == 6)
        #expect(driver.rollout.nextDeadlineAt == nil)
        driver.expectReplay()
    }

    @Test("No more hosts of a phase are changed at once than its parallelism allows")
    func parallelism() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(9)))
        #expect(driver.ordered.count == 2)
        try driver.report(driver.ordered[0], .succeeded)
        #expect(driver.ordered.count == 2)
        #expect(driver.sent.count == 3)
    }

    @Test("A phase bakes before the next one starts")
    func bakes() throws {
        var driver = try Driver(Fixture.plan(Fixture.pilotThenAll(bake: .seconds(30)), hosts: Fixture.fleet(3)))
        try driver.advance(.seconds(100))
        try driver.report("h0", .succeeded)
        #expect(driver.state == "baking")
        #expect(driver.view.bakingUntil == driver.now + .seconds(30))
        try driver.advance(.milliseconds(29_999))
        #expect(driver.state == "baking" && driver.sent.count == 1)
        try driver.advance(.milliseconds(1))
        #expect(driver.state == "running" && driver.sent.count == 2)
    }

    @Test("A host that becomes unhealthy during the bake fails, is backed out and trips the pilot")
    func unhealthyInBake() throws {
        var driver = try Driver(Fixture.plan(Fixture.pilotThenAll(bake: .seconds(30)), hosts: Fixture.fleet(3)))
        try driver.report("h0", .succeeded)
        let running = InstalledRelease(release: Fixture.release, manifest: Fixture.manifest, isHealthy: false)
        try driver.do(.health(HostID("h0"), ProductHealth(running: running, detail: "500")))
        #expect(driver.state == "backingOut")
        #expect(driver.sent.last?.action == .backOut)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.view.stillRunning.isEmpty)
        driver.expectReplay()
    }

    @Test("Failures within the tolerance do not stop a phase, and it passes without them")
    func withinTolerance() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(10), limits: Fixture.atOnce()))
        try driver.report("h3", .backedOut(.health))
        #expect(driver.state == "running")
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases[0].counts.failed == 1)
        #expect(driver.view.phases[0].failuresAllowed == 1)
    }

    @Test("Allowed failures round down: 5 % of 19 hosts is none")
    func roundsDown() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(19), limits: Fixture.atOnce(failures: Tolerance(percent: 5))))
        #expect(driver.view.phases[0].failuresAllowed == 0)
        try driver.report("h3", .failed(.install))
        #expect(driver.state == "halted")
    }

    @Test("Of a count and a percentage the smaller wins")
    func smallerWins() throws {
        let tolerance = Tolerance(count: 1, percent: 50)
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(10), limits: Fixture.atOnce(failures: tolerance)))
        try driver.report("h1", .failed(.install))
        #expect(driver.state == "running")
        try driver.report("h2", .failed(.install))
        #expect(driver.state == "backingOut")
    }

    @Test("A limit of the rollout holds over all phases together")
    func rolloutLimit() throws {
        let strategy = RolloutStrategy.phased([
            .init(size: .count(1)), .init(size: .count(5), failureTolerance: Tolerance(count: 1)),
            .init(size: .percent(100), failureTolerance: Tolerance(count: 1)),
        ])
        var driver = try Driver(
            Fixture.plan(strategy, hosts: Fixture.fleet(10), limits: Fixture.atOnce(failures: Tolerance(count: 1))))
        try driver.report("h0", .succeeded)
        try driver.report(driver.ordered[0], .backedOut(.health))
        try driver.succeedAll()
        #expect(driver.view.currentPhase == 3 || driver.state == "succeeded")
        var other = try Driver(
            Fixture.plan(strategy, hosts: Fixture.fleet(10), limits: Fixture.atOnce(failures: Tolerance(count: 1))))
        try other.report("h0", .succeeded)
        try other.report(other.ordered[0], .backedOut(.health))
        while other.view.currentPhase == 2 { try other.report(other.ordered[0], .succeeded) }
        try other.report(other.ordered[0], .backedOut(.health))
        #expect(other.reason == .rolloutFailuresOverTolerance)
    }

    @Test("One failing host beyond the tolerance, outside the pilot, is backed out alone and the rollout halts")
    func smallFleet() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.report("h0", .succeeded)
        try driver.report(driver.ordered[0], .backedOut(.health))
        #expect(driver.state == "halted")
        #expect(driver.reason == .oneHostFailed)
        #expect(driver.view.isRevoked == false)
        #expect(driver.ordered.isEmpty)
        #expect(driver.sent.count == 2)
    }

    @Test("The phase is backed out when a second host fails, though the first has halted the rollout already")
    func secondFailure() throws {
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(), hosts: Fixture.fleet(5), limits: Fixture.atOnce()))
        try driver.report("h0", .succeeded)
        let hosts = driver.ordered
        try driver.report(hosts[0], .succeeded)
        try driver.report(hosts[1], .backedOut(.health))
        #expect(driver.state == "halted")
        try driver.report(hosts[2], .backedOut(.health))
        #expect(driver.state == "backingOut")
        try driver.report(hosts[3], .succeeded)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.view.stillRunning.map(\.text) == ["h0"])
        #expect(driver.view.phases.map(\.state) == ["passed", "backedOut"])
        driver.expectReplay()
    }

    @Test("A host that failed and may still run the release is backed out though the rollout only halts")
    func lostHostIsBackedOut() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.report("h0", .succeeded)
        let host = driver.ordered[0]
        try driver.progress(host, .switched)
        try driver.wait()
        #expect(driver.state == "halted")
        #expect(driver.sent.last?.host == host && driver.sent.last?.action == .backOut)
        try driver.report(host, .backedOut(nil), action: .backOut)
        #expect(try driver.host(host).state == "backedOut")
    }

    @Test("A phase that had passed and turns bad has its host backed out and halts the rollout")
    func earlierPhase() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.report("h0", .succeeded)
        let running = InstalledRelease(release: Fixture.release, manifest: Fixture.manifest, isHealthy: false)
        try driver.do(.health(HostID("h0"), ProductHealth(running: running, detail: "500")))
        #expect(driver.state == "halted" && driver.reason == .failuresOverTolerance)
        #expect(driver.sent.last?.host == "h0" && driver.sent.last?.action == .backOut)
    }

    @Test("A scope of host never backs out more than the host")
    func hostScope() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(5), limits: Fixture.atOnce(), backOut: .host))
        for host in ["h0", "h1", "h2"] { try driver.report(host, .backedOut(.health)) }
        try driver.succeedAll()
        #expect(driver.state == "halted")
        #expect(driver.revocations == 0)
    }

    @Test("A scope of rollout takes the phases before along")
    func rolloutScope() throws {
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(), hosts: Fixture.fleet(3), limits: Fixture.atOnce(), backOut: .rollout))
        try driver.report("h0", .succeeded)
        for host in driver.ordered { try driver.report(host, .backedOut(.health)) }
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        #expect(driver.sent.filter { $0.action == .backOut }.map(\.host) == ["h0"])
        #expect(driver.view.stillRunning.isEmpty)
    }

    @Test("Already current counts for the gate")
    func alreadyCurrentPasses() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(3), limits: Fixture.atOnce()))
        for host in driver.ordered { try driver.report(host, .alreadyCurrent) }
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases[0].counts.alreadyCurrent == 3 && driver.view.phases[0].counts.succeeded == 0)
    }

    @Test("A pilot that was already current is no real success: the rollout halts until a person lets it pass")
    func alreadyCurrentPilot() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.report("h0", .alreadyCurrent)
        #expect(driver.state == "halted" && driver.reason == .pilotWithoutSuccess)
        try driver.do(.resume(by: "eva", reason: "known"))
        #expect(driver.state == "running" && driver.view.currentPhase == 2)
    }

    @Test("A phase whose hosts were all skipped halts: nothing passes empty")
    func allSkipped() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.report("h0", .skipped("pinned"))
        #expect(driver.state == "halted" && driver.reason == .tooManySkipped)
        try driver.do(.resume(by: "eva", reason: "go on"))
        #expect(driver.state == "halted" && driver.reason == .pilotWithoutSuccess)
        try driver.do(.resume(by: "eva", reason: "go on"))
        #expect(driver.state == "halted", "a pilot without any success is never waived")
    }

    @Test("A phase all of whose hosts have left halts")
    func allGone() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.do(.gone(HostID("h0")))
        #expect(driver.state == "halted" && driver.reason == .phaseWithoutHosts)
    }

    @Test("Skipped and gone hosts leave the denominator; up to 10 % skipped is borne and listed")
    func denominator() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(20), limits: Fixture.atOnce()))
        #expect(driver.view.phases[0].failuresAllowed == 2)
        try driver.report("h1", .skipped("pinned"))
        try driver.report("h2", .skipped("pinned"))
        try driver.do(.gone(HostID("h3")))
        #expect(driver.state == "running")
        #expect(driver.view.phases[0].failuresAllowed == 1)
        #expect(driver.view.phases[0].counts.skipped == 2)
        try driver.report("h4", .skipped("pinned"))
        #expect(driver.reason == .tooManySkipped)
    }

    @Test(
        "A full disk or an unreachable repository counts against the reach, not against the release",
        arguments: [
            FailureClass.preflight, .transport,
        ])
    func notTheRelease(failure: FailureClass) throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.report("h0", .failed(failure))
        #expect(driver.state == "halted" && driver.reason == .insufficientReach)
        #expect(driver.revocations == 0)
    }

    @Test("Resuming tries hosts that were not reached once more, as a new attempt where the order was answered")
    func retry() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(3)))
        try driver.report("h0", .failed(.preflight))
        try driver.do(.resume(by: "eva", reason: "made room"))
        #expect(driver.state == "running" && driver.ordered == ["h0"])
        try driver.report("h0", .failed(.preflight))
        #expect(driver.state == "running", "the old answer again")
        try driver.report("h0", .succeeded, attempt: 2)
        #expect(driver.view.currentPhase == 2)
        driver.expectReplay()
    }

    @Test("Resuming acknowledges the failures so far; only new ones count")
    func acknowledges() throws {
        var driver = try Driver(Fixture.plan(hosts: Fixture.fleet(6)))
        try driver.report("h0", .succeeded)
        try driver.report(driver.ordered[0], .backedOut(.health))
        try driver.do(.resume(by: "eva", reason: "a broken host, not the release"))
        #expect(driver.state == "running")
        try driver.report(driver.ordered[0], .succeeded)
        #expect(driver.view.currentPhase == 3)
        try driver.report(driver.ordered[0], .backedOut(.health))
        #expect(driver.state == "halted" && driver.reason == .oneHostFailed)
        driver.expectReplay()
    }

    @Test("A host that was lost, says late that it never began, and is back is tried again by a resume (seed 1691)")
    func lateWordOfUnreachedHost() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        try driver.report("h1", .succeeded)
        try driver.progress("h0", .received)
        try driver.advance(.minutes(10))
        #expect(driver.state == "halted")
        try driver.report("h0", .failed(.preflight))
        try driver.report("h0", .alreadyCurrent, action: .backOut)
        try driver.do(.resume(by: "eva", reason: "room was made"))
        #expect(driver.ordered == ["h0"])
        try driver.report("h0", .succeeded, attempt: 2)
        #expect(driver.state == "succeeded")
    }
}
