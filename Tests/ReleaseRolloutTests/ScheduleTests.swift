import AgentProtocol
import ReleaseDefinition
import ReleaseRollout
import Testing

@Suite("Windows, freezes and schedules")
struct ScheduleTests {
    private let start = Driver.start

    private func interval(_ from: TimeSpan, _ until: TimeSpan) -> StartInterval {
        StartInterval(from: start + from, until: start + until)
    }

    private func driver(_ starts: [StartInterval], hosts: Int = 4, limits: RolloutLimits = Fixture.atOnce()) throws
        -> Driver
    {
        try Driver(Fixture.plan(.bigBang, hosts: Fixture.fleet(hosts), limits: limits, starts: starts))
    }

    @Test("Hosts wait for the window; it opens and they start; what waits when it shuts starts in the next")
    func waits() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(2)
        var driver = try driver([interval(.hours(1), .hours(2)), interval(.hours(24), .hours(25))], limits: limits)
        #expect(driver.ordered.isEmpty)
        #expect(driver.rollout.holds.map(\.what) == [.window])
        #expect(driver.rollout.holds.first?.until == start + .hours(1))
        try driver.wait()
        #expect(driver.now == start + .hours(1))
        #expect(driver.ordered.count == 2)
        try driver.advance(.hours(1))
        // Those that were started have run out of time meanwhile; nobody starts in their place.
        #expect(driver.ordered.isEmpty)
        driver.expectReplay()
    }

    @Test("A host that started in the window finishes after it; the next one starts in the next window")
    func finishes() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(1)
        limits.progressDeadline = .hours(2)
        var driver = try driver(
            [interval(.zero, .minutes(5)), interval(.hours(24), .hours(25))], hosts: 2, limits: limits)
        let first = try #require(driver.ordered.first)
        try driver.advance(.minutes(6))
        try driver.report(first, .succeeded)
        #expect(driver.ordered.isEmpty)
        #expect(driver.state == "running")
        try driver.wait()
        #expect(driver.now == start + .hours(24))
        try driver.succeedAll()
        #expect(driver.state == "succeeded")
        driver.expectReplay()
    }

    @Test("When no window is left and somebody waits the rollout halts")
    func noneLeft() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(1)
        limits.progressDeadline = .hours(2)
        var driver = try driver([interval(.zero, .minutes(5))], hosts: 2, limits: limits)
        try driver.advance(.minutes(6))
        try driver.report(try #require(driver.ordered.first), .succeeded)
        #expect(driver.reason == .noWindowLeft)
    }

    @Test("An emergency goes at once, and a back-out too, whatever the window says")
    func ignored() throws {
        let emergency = try Fixture.plan(
            .bigBang, hosts: Fixture.fleet(3), urgency: .emergency(reason: "CVE"),
            starts: [interval(.hours(1), .hours(2))])
        #expect(try Driver(emergency).ordered.count == 3)
        var driver = try driver([interval(.zero, .minutes(5))], hosts: 2)
        try driver.succeedAll()
        try driver.advance(.hours(3))
        try driver.do(.backOut(.rollout, by: "eva", reason: "bad"))
        try driver.backOutAll()
        #expect(driver.state == "backedOut")
    }

    @Test("A host that comes back after the success waits for a window as well")
    func catchUp() throws {
        var driver = try driver([interval(.zero, .minutes(30)), interval(.hours(24), .hours(25))], hosts: 11)
        try driver.contact("h3", .offline)
        while let host = driver.ordered.first(where: { $0 != "h3" }) { try driver.report(host, .succeeded) }
        try driver.advance(.minutes(29))
        #expect(driver.state == "succeeded")
        try driver.advance(.hours(2))
        try driver.contact("h3", .online)
        #expect(driver.ordered.isEmpty)
        try driver.wait()
        #expect(driver.now == start + .hours(24))
        #expect(driver.ordered == ["h3"])
        driver.expectReplay()
    }

    @Test("A freeze beats a window; what is left of a window must cover the expected duration")
    func intervals() throws {
        let window = MaintenanceWindow(opens: try CalendarExpression("*-*-* 22:00"), span: .hours(4), zone: "UTC")
        let now = try UTCInstant("2026-12-01T12:00:00Z")
        let freeze = Freeze(
            from: try UTCInstant("2026-12-01T23:00:00Z"), until: try UTCInstant("2026-12-02T00:00:00Z"), reason: "audit"
        )
        let all = try #require(
            StartInterval.all(windows: [window], freezes: [freeze], expected: .hours(1), from: now) { _ in .utc })
        #expect(all.count == StartInterval.openingsMax + 1)
        #expect(all[0].from == (try UTCInstant("2026-12-01T22:00:00Z")))
        #expect(all[0].until == freeze.from)
        #expect(all[1].from == freeze.until)
        #expect(all[1].until == (try UTCInstant("2026-12-02T01:00:00.001Z")))
        #expect(StartInterval.all(windows: nil, freezes: nil, expected: .hours(1), from: now) { _ in .utc } == nil)
        let short = MaintenanceWindow(opens: try CalendarExpression("22:00"), span: .minutes(5), zone: "UTC")
        let none = StartInterval.all(windows: [short], freezes: nil, expected: .hours(1), from: now) { _ in .utc }
        #expect(none == [])
        let error = #expect(throws: RolloutError.self) {
            try Fixture.plan(.bigBang, hosts: Fixture.fleet(2), starts: [])
        }
        #expect(error?.summary.contains("no window is open for long enough") == true)
    }

    @Test("The plan's schedule says the earliest start of each host and the latest end of all")
    func schedule() throws {
        var limits = Fixture.atOnce()
        limits.parallelism = .count(2)
        limits.progressDeadline = .minutes(10)
        limits.offlineGrace = .minutes(5)
        let plan = try Fixture.plan(
            .phased([.init(size: .count(1), bake: .hours(1)), .init(size: .percent(100))]), hosts: Fixture.fleet(4),
            limits: limits, starts: [interval(.zero, .minutes(30)), interval(.hours(24), .hours(25))])
        let schedule = PlanSchedule(plan, at: start)
        #expect(schedule.earliestStarts[0] == [start])
        // The bake ends after the window: the second phase starts in the next one.
        #expect(schedule.earliestStarts[1] == [start + .hours(24), start + .hours(24), start + .hours(24)])
        // Two turns of 15 minutes.
        #expect(schedule.latestEnd == start + .hours(24) + .minutes(30))
    }
}
