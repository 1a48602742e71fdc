import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Single hosts: nothing to do, retry, skip, ephemeral, silent, unhealthy before, early life support")
struct HostRuleTests {
    // MARK: nothing to do

    @Test("A rollout of what every host runs ends at once as succeeded, with nothing to do")
    func nothingToDo() throws {
        for strategy in [RolloutStrategy.bigBang, .phasedByDefault] {
            let hosts = (0..<6).map { Fixture.host("h\($0)", pulls: $0 == 5, running: Fixture.release) }
            let driver = try Driver(Fixture.plan(strategy, hosts: hosts))
            #expect(driver.state == "succeeded")
            #expect(driver.rollout.hadNothingToDo)
            #expect(driver.sent.isEmpty)
            #expect(driver.view.phases.allSatisfy { $0.state == "passed" && $0.counts.alreadyCurrent == $0.hosts })
            #expect(driver.rollout.nextDeadlineAt == nil)
            driver.expectReplay()
        }
    }

    @Test("A host that runs the release and is not healthy is something to do")
    func unhealthyIsWork() throws {
        let hosts = [Fixture.host("h0", running: Fixture.release, isUnhealthy: true)]
        let driver = try Driver(Fixture.plan(.bigBang, hosts: hosts))
        #expect(driver.state == "running")
        #expect(driver.ordered == ["h0"])
    }

    // MARK: phases by query and list

    @Test("A phase takes the hosts that a query or a list names, as far as no phase before has them")
    func namedPhases() throws {
        let hosts = (0..<10).map { Fixture.host("h\($0)", ["zone": $0 < 4 ? "a" : "b"]) }
        let plan = try Fixture.plan(
            .phased([
                .init(size: .percent(100), members: .list([try HostID("h9"), try HostID("h0")])),
                .init(size: .percent(50), members: .query(try HostQuery("zone=a"))),
                .init(size: .percent(100)),
            ]), hosts: hosts)
        #expect(Set(plan.phases[0].hosts.map(\.id.text)) == ["h0", "h9"])
        #expect(plan.phases[0].kind == .pilot)
        #expect(plan.phases[1].hosts.count == 1)
        #expect(plan.phases[1].hosts.allSatisfy { $0.labels["zone"] == "a" })
        #expect(plan.phases[2].hosts.count == 7)
    }

    @Test("A list that names a host that is not there, and phases that leave hosts out, are refused")
    func namedPhasesRefused() throws {
        let slip = #expect(throws: RolloutError.self) {
            try Fixture.plan(
                .phased([.init(size: .percent(100), members: .list([try HostID("web")])), .init(size: .percent(100))]),
                hosts: Fixture.fleet(3))
        }
        #expect(slip?.summary.contains("names web") == true)
        let short = #expect(throws: RolloutError.self) {
            try Fixture.plan(
                .phased([.init(size: .percent(100), members: .query(try HostQuery("pilot")))]), hosts: Fixture.fleet(3))
        }
        #expect(short?.summary.contains("reach 1 of 3") == true)
    }

    // MARK: retry and skip

    @Test("Retry: a host that failed gets its order once more, as a new attempt, and its failure no longer counts")
    func retry() throws {
        var driver = try Driver(
            Fixture.plan(
                .bigBang, hosts: Fixture.fleet(5), limits: Fixture.atOnce(failures: Tolerance(count: 2))))
        try driver.report("h1", .backedOut(.health))
        try driver.do(.retry([HostID("h1")], by: "eva", reason: "disk was full"))
        #expect(try driver.host("h1").state == "ordered")
        let order = driver.log.last.map(\.fact)
        guard case .orderSent(_, let sent) = order else { return #expect(Bool(false), "\(String(describing: order))") }
        #expect(sent.attempt == 2)
        try driver.report("h1", .succeeded, attempt: 2)
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases[0].counts.succeeded == 5)
        driver.expectReplay()
    }

    @Test("Retry is refused for hosts that wait, are under way, succeeded or are locked")
    func retryRefused() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(5), limits: Fixture.atOnce(failures: Tolerance(count: 5))))
        try driver.report("h1", .succeeded)
        try driver.report("h2", .backOutFailed)
        for host in ["h0", "h1", "h2", "x"] {
            let error = #expect(throws: RolloutError.self) {
                try driver.do(.retry([HostID(host)], by: "eva", reason: "again"))
            }
            #expect(error?.code == "rollout.verb.host")
        }
    }

    @Test("Skip: a host that waits is left out, is listed, and never counts as a success")
    func skip() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(1)
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(11), limits: limits))
        let waiting = try #require(driver.hosts(in: "waiting").first)
        try driver.do(.skip([HostID(waiting)], by: "eva", reason: "being rebuilt"))
        #expect(try driver.host(waiting).reason == "Was skipped: eva: being rebuilt")
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        #expect(driver.view.phases[0].counts.skipped == 1)
        #expect(driver.view.phases[0].counts.succeeded == 10)
        #expect(throws: RolloutError.self) { try driver.do(.skip([HostID("h0")], by: "eva", reason: "late")) }
        driver.expectReplay()
    }

    @Test("More than 10 % skipped halts")
    func tooManySkipped() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(1)
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(11), limits: limits))
        let waiting = try driver.hosts(in: "waiting").prefix(2).map { try HostID($0) }
        try driver.do(.skip(Array(waiting), by: "eva", reason: "being rebuilt"))
        #expect(driver.reason == .tooManySkipped)
    }

    // MARK: ephemeral

    @Test("An ephemeral host that leaves is gone and leaves the denominator; when it comes back its order stands")
    func ephemeral() throws {
        let hosts = (0..<4).map { Fixture.host("h\($0)", $0 == 1 ? ["ephemeral": "true"] : [:]) }
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: hosts, limits: Fixture.atOnce(offline: .none, grace: .minutes(1))))
        try driver.progress("h1", .staged)
        try driver.contact("h1", .offline)
        for host in ["h0", "h2", "h3"] { try driver.report(host, .succeeded) }
        try driver.advance(.minutes(11))
        #expect(try driver.host("h1").state == "gone")
        #expect(driver.state == "succeeded")
        try driver.contact("h1", .online)
        #expect(driver.ordered == ["h1"])
        driver.expectReplay()
    }

    @Test("An ephemeral host that stays in contact and never answers its order is not reached: it has not left")
    func ephemeralInContact() throws {
        let hosts = (0..<4).map { Fixture.host("h\($0)", ["ephemeral": "true"]) }
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: hosts, limits: Fixture.atOnce(offline: Tolerance(percent: 100))))
        for host in ["h0", "h1"] { try driver.contact(host, .online) }
        try driver.contact("h1", .offline)
        try driver.advance(.minutes(30))
        #expect(try driver.host("h0").state == "offline")
        #expect(try driver.host("h1").state == "gone")
    }

    @Test("An ephemeral host that stays in contact and does not finish is lost like any other")
    func ephemeralLost() throws {
        let hosts = (0..<4).map { Fixture.host("h\($0)", ["ephemeral": "true"]) }
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: hosts, limits: Fixture.atOnce(failures: Tolerance(count: 4))))
        try driver.contact("h1", .online)
        try driver.progress("h1", .staged)
        try driver.advance(.minutes(11))
        #expect(try driver.host("h1").failure == .lost)
    }

    // MARK: silent

    @Test("Hosts that never report have the release after silentAfter; hosts that report still go phase by phase")
    func silentAfter() throws {
        var limits = Fixture.atOnce()
        limits.silentAfter = .hours(2)
        let hosts = (0..<4).map { Fixture.host("h\($0)", pulls: true, checkInterval: .hours(3)) }
        var driver = try Driver(Fixture.plan(Fixture.pilotThenAll(), hosts: hosts, limits: limits))
        #expect(driver.channels.last?.everyone == false)
        try driver.advance(.hours(2))
        let view = try #require(driver.channels.last)
        #expect(view.everyone)
        #expect(view.excluded.count == 3)
        try driver.do(.halt(by: "eva", reason: "wait"))
        #expect(driver.channels.last?.everyone == false)
        driver.expectReplay()
    }

    // MARK: unhealthy before

    @Test("A host that was unhealthy before proceeds without counting, or is skipped, as the limits say")
    func unhealthyBefore() throws {
        let hosts = (0..<11).map { Fixture.host("h\($0)", isUnhealthy: $0 == 3 ? true : nil) }
        var proceeding = try Driver(
            Fixture.plan(.bigBang, hosts: hosts, limits: Fixture.atOnce(failures: Tolerance.none)))
        try proceeding.report("h3", .backedOut(.health))
        #expect(proceeding.state == "running")
        try proceeding.succeedAll()
        #expect(proceeding.state == "succeeded")
        #expect(proceeding.view.phases[0].successesRequired == 9)
        proceeding.expectReplay()

        var limits = Fixture.atOnce(failures: Tolerance.none)
        limits.unhealthyBefore = .skip
        var skipping = try Driver(Fixture.plan(.bigBang, hosts: hosts, limits: limits))
        #expect(skipping.hosts(in: "skipped") == ["h3"])
        try skipping.succeedAll()
        #expect(skipping.state == "succeeded")
    }

    // MARK: irreversible

    @Test("What cannot be taken back halts where it would be backed out, and no host is backed out by itself")
    func irreversible() throws {
        let plan = try Fixture.plan(
            .bigBang, hosts: Fixture.fleet(6), limits: Fixture.atOnce(failures: Tolerance.none),
            irreversible: "a column")
        #expect(plan.warnings.first?.hasPrefix("It cannot be taken back: a column.") == true)
        var driver = try Driver(plan)
        try driver.report("h1", .failed(.install), running: Fixture.release)
        try driver.report("h2", .failed(.install), running: Fixture.release)
        #expect(driver.state == "halted")
        #expect(driver.sent.allSatisfy { $0.action == .install })
    }

    // MARK: early life support

    private func supported(_ count: Int = 40, unhealthy: Int = 0, failures: Tolerance? = Tolerance(percent: 5)) throws
        -> Driver
    {
        let hosts = (0..<count).map { Fixture.host("h\($0)", isUnhealthy: $0 < unhealthy ? true : nil) }
        var driver = try Driver(Fixture.plan(.bigBang, hosts: hosts, limits: Fixture.atOnce(failures: failures)))
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        return driver
    }

    private func relapse(_ host: String, _ driver: inout Driver, others: OtherHosts? = nil) throws {
        let running = InstalledRelease(release: Fixture.release, manifest: Fixture.manifest, isHealthy: false)
        try driver.do(.health(HostID(host), ProductHealth(running: running, detail: "503"), others: others))
    }

    @Test("Early life support: one host that turns unhealthy is backed out alone")
    func earlyLifeHost() throws {
        var driver = try supported()
        try driver.advance(.hours(3))
        try relapse("h7", &driver)
        #expect(driver.state == "succeeded")
        #expect(driver.sent.last.map { $0.host == "h7" && $0.action == .backOut } == true)
        driver.expectReplay()
    }

    @Test("Early life support: over the tolerance and worse than before, the rollout is backed out")
    func earlyLifeRollout() throws {
        var driver = try supported()
        for host in ["h1", "h2", "h3"] { try relapse(host, &driver) }
        #expect(driver.state == "backingOut")
        #expect(driver.reason == .earlyLifeFailures)
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
        driver.expectReplay()
    }

    @Test("Early life support: over the tolerance but no worse than before, a person is called")
    func earlyLifePage() throws {
        var driver = try supported(unhealthy: 5)
        for host in ["h11", "h12", "h13"] { try relapse(host, &driver) }
        #expect(driver.state == "succeeded")
        #expect(driver.log.contains { if case .earlyLifePaged = $0.fact { true } else { false } })
    }

    @Test(
        "Early life support: over the tolerance, hosts without the release decide by their share, whatever was before",
        arguments: [
            // 3 of the 40 that took it.
            (0, OtherHosts(count: 1, unhealthy: 0), true), (0, OtherHosts(count: 40, unhealthy: 2), true),
            (0, OtherHosts(count: 40, unhealthy: 3), false), (0, OtherHosts(count: 4, unhealthy: 4), false),
            // 2 of the 35 that were well before are over the tolerance.
            (5, OtherHosts(count: 35, unhealthy: 1), true), (5, OtherHosts(count: 35, unhealthy: 2), false),
            // Nobody is left to compare with.
            (0, OtherHosts(count: 0, unhealthy: 0), true), (5, OtherHosts(count: 0, unhealthy: 0), false),
        ])
    func earlyLifeOthers(_ before: Int, _ others: OtherHosts, _ goesBack: Bool) throws {
        var driver = try supported(unhealthy: before)
        for host in ["h11", "h12", "h13"] { try relapse(host, &driver, others: others) }
        #expect(driver.state == (goesBack ? "backingOut" : "succeeded"))
        #expect(driver.log.contains { if case .earlyLifePaged = $0.fact { true } else { false } } == !goesBack)
        driver.expectReplay()
    }

    @Test("After early life support a host that turns unhealthy is nobody's business here")
    func earlyLifeOver() throws {
        var driver = try supported()
        try driver.advance(.hours(24))
        try relapse("h7", &driver)
        #expect(driver.sent.allSatisfy { $0.action == .install })
    }

    // MARK: why

    @Test("Why: what holds a host, from the phase down to its answer, and until when")
    func why() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(1)
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(bake: .hours(1)), hosts: Fixture.fleet(4), limits: limits))
        #expect(driver.rollout.hold(of: try HostID("h0"))?.what == .answer)
        #expect(driver.rollout.hold(of: try HostID("h0"))?.until == driver.now + limits.progressDeadline)
        #expect(driver.rollout.hold(of: try HostID("h1"))?.what == .phase)
        try driver.report("h0", .succeeded)
        #expect(driver.rollout.hold(of: try HostID("h0")) == nil)
        #expect(driver.rollout.holds.map(\.what) == [.bake])
        try driver.wait()
        let waiting = try #require(driver.hosts(in: "waiting").first)
        #expect(driver.rollout.hold(of: try HostID(waiting))?.what == .parallelism)
        try driver.contact(waiting, .offline)
        #expect(driver.rollout.hold(of: try HostID(waiting))?.what == .contact)
        try driver.do(.pause(by: "eva", reason: "lunch"))
        let other = try #require(driver.hosts(in: "waiting").first { $0 != waiting })
        let held = try #require(driver.rollout.hold(of: try HostID(other)))
        #expect(held.what == .paused)
        #expect(held.text.hasPrefix("It is paused by eva: lunch. Unless somebody acts it halts at "))
    }

    @Test("Why: moments are said to the second, whatever the clock says between two of them")
    func momentsInWords() throws {
        var driver = try Driver(
            Fixture.plan(Fixture.pilotThenAll(bake: .hours(1)), hosts: Fixture.fleet(4), limits: Fixture.atOnce()))
        try driver.advance(.milliseconds(125))
        try driver.report("h0", .succeeded)
        var texts = driver.rollout.holds.map(\.text)
        #expect(texts.first?.hasSuffix("is done and watched until 2027-01-15T09:00:00Z.") == true, "\(texts)")
        try driver.do(.pause(by: "eva", reason: "lunch"))
        texts = driver.rollout.holds.map(\.text)
        #expect(texts.first?.hasSuffix("it halts at 2027-01-16T08:00:00Z.") == true, "\(texts)")
        try driver.do(.halt(by: "eva", reason: "dinner"))
        texts = driver.rollout.holds.map(\.text)
        #expect(texts.first?.hasSuffix("it stops at 2027-01-16T08:00:00Z.") == true, "\(texts)")
    }
}
