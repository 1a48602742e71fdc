import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

/// faults.md R26: "cancelling" that never becomes "cancelled".
@Suite("Cancelling")
struct CancelTests {
    /// What a host is at when the word to stop comes.
    enum Place: String, CaseIterable, CustomTestStringConvertible {
        case waiting, ordered, received, verified, preflight, staged, stopping, switched, starting, checking
        case offlineBeforeAnyWord, offlineAfterReceived, offlineAfterSwitch, vanishedOrdered, vanishedSwitched
        case pullOrdered, pullStaged, pullSwitched, restart

        var testDescription: String { rawValue }
        var step: InstallationStep? {
            switch self {
            case .offlineAfterReceived, .restart: .received
            case .offlineAfterSwitch, .vanishedSwitched, .pullSwitched: .switched
            case .pullStaged: .staged
            default: InstallationStep(rawValue: rawValue)
            }
        }
        var pulls: Bool { rawValue.hasPrefix("pull") }
        var isOffline: Bool { rawValue.hasPrefix("offline") || rawValue.hasPrefix("vanished") }
        /// It has switched, or stops what runs to do so.
        var isPastStop: Bool {
            switch step {
            case .stopping, .switched, .starting, .checking: true
            default: false
            }
        }
    }

    enum Verb: CaseIterable { case stop, abortKeep, abortBackOut, backOut }

    @Test(
        "R26: stop, abort and back-out reach every host in time, and nothing starts afterwards",
        arguments: Place.allCases, Verb.allCases)
    func cancel(_ place: Place, _ verb: Verb) throws {
        let hosts = [Fixture.host("h0", pulls: place.pulls), Fixture.host("h1")]
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: hosts, limits: RolloutLimits(parallelism: .percent(100))))
        try driver.contact("h1", .online)
        if !place.pulls { try driver.contact("h0", .online) }
        try driver.report("h1", .succeeded)
        if place == .waiting {
            driver = try Driver(
                Fixture.plan(.bigBang, hosts: hosts, limits: RolloutLimits(parallelism: .count(1))))
        }
        if let step = place.step { try driver.progress("h0", step) }
        if place.isOffline { try driver.contact("h0", .offline) }
        let saidAt = driver.now
        try say(verb, &driver)
        if place == .restart { try driver.do(.controllerReturned) }
        let told = driver.cancels.filter { $0 == "h0" }.count
        // Told where it can hear and drop it; again after the controller was away.
        let expected = place.pulls || place.isOffline || place.isPastStop || place == .waiting ? 0 : 1
        #expect(told == (place == .restart ? 2 : expected))
        try answer(place, &driver)
        try play(&driver, place)
        #expect(driver.view.isOver)
        let started = driver.log.filter { event in
            guard case .hostAdmitted(_, .install) = event.fact else { return false }
            return event.at > saidAt
        }
        #expect(started.isEmpty)
        let limits = RolloutLimits()
        // Past its stop a host that says nothing more has its own deadlines; before, a minute is enough.
        let own = limits.progressDeadline + limits.offlineGrace
        let ended = driver.log.last { event in
            guard case .hostEnded(let ending) = event.fact else { return false }
            return ending.host.text == "h0" && ending.action == .install
        }
        let isQuick = !place.isPastStop && (place.step == nil || !place.isOffline)
        if let ended { #expect(ended.at.since(saidAt) <= (isQuick ? .seconds(60) : own)) }
        // What may have reached a host that is away is asked back, with the grace that every back-out has.
        let goesBack = place.isOffline && (verb == .abortBackOut || verb == .backOut)
        #expect(driver.now.since(saidAt) <= (isQuick && !goesBack ? .seconds(60) : own))
        let h0 = try driver.host("h0")
        #expect(!["waiting", "ordered", "installing", "backingOut"].contains(h0.state))
        driver.expectReplay()
    }

    private func say(_ verb: Verb, _ driver: inout Driver) throws {
        switch verb {
        case .stop: try driver.do(.stop(by: "eva", reason: "s"))
        case .abortKeep: try driver.do(.abort(.keep, by: "eva", reason: "a"))
        case .abortBackOut: try driver.do(.abort(.backOut(.rollout), by: "eva", reason: "a"))
        case .backOut: try driver.do(.backOut(.rollout, by: "eva", reason: "b"))
        }
    }

    /// What the host says, if it can.
    private func answer(_ place: Place, _ driver: inout Driver) throws {
        guard !place.isOffline, place != .waiting else { return }
        if place.isPastStop {
            try driver.report("h0", .succeeded)
        } else if try driver.host("h0").state != "cancelled" {
            try driver.report("h0", .cancelled)
        }
    }

    /// Back-outs are answered by whoever is there; else time passes.
    private func play(_ driver: inout Driver, _ place: Place) throws {
        for _ in 0..<200 where !driver.view.isOver {
            let host = driver.view.hosts.first { host in
                host.reason.contains("told to back out") && !(host.id.text == "h0" && place.isOffline)
            }
            if let host {
                try driver.report(host.id.text, .backedOut(nil), action: .backOut)
            } else {
                try driver.wait()
            }
        }
    }

    @Test("R26: a host that is told to drop its order and never answers counts as cancelled after 60 s")
    func neverAnswers() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(1)))
        try driver.do(.stop(by: "eva", reason: "s"))
        #expect(driver.cancels == ["h0"])
        try driver.advance(.seconds(59))
        #expect(driver.state == "stopping")
        try driver.advance(.seconds(1))
        #expect(driver.state == "stopped")
        #expect(try driver.host("h0").state == "cancelled")
        try driver.report("h0", .succeeded)
        #expect(driver.state == "stopped")
        #expect(try driver.host("h0").running == Fixture.release)
    }

    @Test("R26: a host that comes back is told again; one that has switched meanwhile goes on to its own end")
    func toldAgain() throws {
        var driver = try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(2), limits: Fixture.atOnce()))
        try driver.contact("h0", .online)
        try driver.progress("h0", .staged)
        try driver.do(.stop(by: "eva", reason: "s"))
        try driver.contact("h0", .offline)
        #expect(driver.pending.isEmpty)
        try driver.contact("h0", .online)
        #expect(driver.cancels.filter { $0 == "h0" }.count == 2)
        #expect(driver.rollout.outstandingOrders(for: HostID(unchecked: "h0")).isEmpty)
        try driver.progress("h0", .switched)
        try driver.contact("h0", .offline)
        try driver.contact("h0", .online)
        #expect(driver.cancels.filter { $0 == "h0" }.count == 2)
    }

    @Test("R26: a pulling host that has begun and not switched is not named by the channel any more")
    func pulling() throws {
        var driver = try Driver(
            Fixture.plan(.bigBang, hosts: Fixture.fleet(3, pulling: 0..<3), limits: Fixture.atOnce()))
        try driver.progress("h0", .staged)
        try driver.progress("h1", .switched)
        #expect(driver.channels.last?.included.count == 3)
        try driver.do(.stop(by: "eva", reason: "s"))
        #expect(driver.channels.last?.included == [])
        try driver.report("h0", .cancelled)
        try driver.report("h1", .succeeded)
        #expect(driver.state == "stopped")
    }
}
