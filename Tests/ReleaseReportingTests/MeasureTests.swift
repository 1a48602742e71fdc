import AgentProtocol
import ReleaseDefinition
import ReleaseReporting
import ReleaseRollout
import Testing

/// Rollouts as the log has them, said in a line each.
struct MeasuredStory {
    var ledger = MeasureLedger()
    static let live = try! EnvironmentName("production")
    static let start = try! UTCInstant("2026-01-01T00:00:00Z")
    private static let host = PlanHost(id: try! HostID("host1"))
    private static let plan = try! RolloutPlan.make(
        RolloutDefinition(release: try! ReleaseName("web@1.0"), environment: live, strategy: .bigBang),
        manifest: SHA256Digest(of: []), id: RolloutID(unchecked: "r0"), hosts: [host])
    private static let good = try! ending(.succeeded)
    private static let bad = try! ending(.backedOut(.health))
    private var number = 0

    /// As the log has it.
    static func ending(
        _ outcome: HostOutcome, of host: HostID = host.id, _ action: OrderAction = .install
    ) throws -> HostEnding {
        struct Logged: Encodable {
            var host: HostID
            var action: OrderAction
            var outcome: HostOutcome
            var source = EndingSource.host
        }
        let value = try JSONCoding.value(of: Logged(host: host, action: action, outcome: outcome))
        return try JSONCoding.decode(HostEnding.self, from: value)
    }

    static func at(_ hours: Int64) -> UTCInstant { start + .hours(hours) }

    mutating func release(
        _ version: String, _ category: ReleaseCategory = .minor, of product: String = "web", built: Int64,
        changed: Int64? = nil
    ) throws {
        ledger.noteRelease(
            try ReleaseName("\(product)@\(version)"), category: category, builtAt: Self.at(built),
            firstChangeAt: changed.map(Self.at))
    }

    mutating func rollout(
        _ version: String, of product: String = "web", from: Int64, to: Int64, end: RolloutEnd = .succeeded,
        isEmergency: Bool = false, in environment: EnvironmentName = live, backOutAt: Int64? = nil
    ) throws {
        number += 1
        let id = RolloutID(unchecked: "r\(number)")
        var plan = Self.plan
        plan.id = id
        plan.definition.release = try ReleaseName("\(product)@\(version)")
        plan.definition.environment = environment
        plan.urgency = isEmergency ? .emergency(reason: "x") : .ordinary
        ledger.note(id, RolloutEvent(at: Self.at(from), .started(plan: plan, by: "ann")))
        if let backOutAt {
            let reason = StatusReason(.failuresOverTolerance, "x")
            ledger.note(
                id, RolloutEvent(at: Self.at(backOutAt), .backOutStarted(scope: .phase, phase: 0, reason: reason)))
        }
        let ending = end == .succeeded ? Self.good : Self.bad
        ledger.note(id, RolloutEvent(at: Self.at(to), .hostEnded(ending)))
        ledger.note(id, RolloutEvent(at: Self.at(to), .ended(end)))
    }

    func measures(from: Int64 = 0, until: Int64 = 240) -> [ReleaseMeasures] {
        ledger.measures(from: Self.at(from), until: Self.at(until), live: [Self.live])
    }
}

@Suite("The four measures")
struct MeasureTests {
    private let backedOut = RolloutEnd.backedOut(StatusReason(.failuresOverTolerance, "x"))

    @Test("Ten days with two good rollouts, one back-out, one emergency and a rehearsal")
    func example() throws {
        var story = MeasuredStory()
        try story.release("1.1", built: 2, changed: 0)
        try story.release("1.2", built: 30)
        try story.release("1.3", built: 60, changed: 50)
        try story.release("1.2.1", .emergency, built: 200)
        try story.rollout("1.1", from: 9, to: 10, in: EnvironmentName("staging"))
        try story.rollout("1.1", from: 10, to: 12)
        try story.rollout("1.2", from: 40, to: 43)
        try story.rollout("1.3", from: 70, to: 71, end: backedOut)
        try story.rollout("1.2.1", from: 200, to: 201, isEmergency: true)
        let all = try #require(story.measures().first)
        #expect(all.rollouts == 4 && all.deployments == 2 && all.emergencies == 1)
        // Two in ten days.
        #expect(all.deploymentsPerThousandDays == 200)
        // 12 h, 13 h, 1 h.
        #expect(all.leadTimeToFirstHost == .hours(12))
        #expect(all.failures == 1 && all.failuresPermille == 250)
        #expect(all.timeToRestore == .hours(1) && all.unrestored == 0)
    }

    @Test("A hot fix within early life support makes the release before it a failure, restored when the fix is on")
    func fix() throws {
        var story = MeasuredStory()
        try story.release("1.1", built: 0)
        try story.release("1.1.1", .emergency, built: 9)
        try story.rollout("1.1", from: 1, to: 2)
        try story.rollout("1.1.1", from: 10, to: 11)
        let web = try #require(story.measures().last)
        #expect(web.failures == 1 && web.timeToRestore == .hours(10))
    }

    @Test(
        "A host that goes back in early life is restored when it is back, one that cannot go back is not",
        arguments: [true, false])
    func earlyLife(isBack: Bool) throws {
        var story = MeasuredStory()
        try story.release("1.1", built: 0)
        try story.rollout("1.1", from: 1, to: 2)
        let id = RolloutID(unchecked: "r1")
        let reason = StatusReason(.oneHostFailed, "x")
        let host = try HostID("host1")
        story.ledger.note(
            id, RolloutEvent(at: MeasuredStory.at(5), .hostBackOutStarted(hosts: [host], reason: reason)))
        let ending = try MeasuredStory.ending(isBack ? .backedOut(nil) : .backOutFailed, .backOut)
        story.ledger.note(id, RolloutEvent(at: MeasuredStory.at(6), .hostEnded(ending)))
        let web = try #require(story.measures().last)
        #expect(web.failures == 1 && web.timeToRestore == (isBack ? .hours(5) : nil))
        #expect(web.unrestored == (isBack ? 0 : 1))
        // Mended later, it is restored later.
        let later = RolloutEvent(
            at: MeasuredStory.at(9), .hostEnded(try MeasuredStory.ending(.backedOut(nil), .backOut)))
        story.ledger.note(id, later)
        let mended = try #require(story.measures().last)
        #expect(mended.timeToRestore == .hours(8) && mended.unrestored == 0)
    }

    @Test("A back-out counts as a failure however its rollout ended; what was given up without one is no rollout")
    func givenUp() throws {
        let reason = StatusReason(.operatorStopped, "x")
        let newer = RolloutID(unchecked: "r9")
        for (end, isBack) in [
            (RolloutEnd.failed(reason), true), (.stopped(reason), true), (.superseded(by: newer), true),
            (.stopped(reason), false), (.superseded(by: newer), false),
        ] {
            var story = MeasuredStory()
            try story.release("1.1", built: 0)
            try story.rollout("1.1", from: 1, to: 3, end: end, backOutAt: isBack ? 2 : nil)
            let all = try #require(story.measures().first)
            #expect(all.rollouts == (isBack ? 1 : 0) && all.failures == all.rollouts && all.deployments == 0, "\(end)")
            #expect(all.failuresPermille == (isBack ? 1000 : 0))
        }
    }

    @Test("A hot fix after early life support, or a planned release within it, is no failure")
    func noFix() throws {
        var story = MeasuredStory()
        try story.release("1.1", built: 0)
        try story.release("1.2", built: 5)
        try story.release("1.2.1", .emergency, built: 90)
        try story.rollout("1.1", from: 1, to: 2)
        try story.rollout("1.2", from: 10, to: 11)
        try story.rollout("1.2.1", from: 100, to: 101)
        #expect(story.measures().first?.failures == 0)
    }

    @Test("Products stand apart and together; what was given up, or lies outside the span, does not count")
    func products() throws {
        var story = MeasuredStory()
        try story.release("1.1", built: 0)
        try story.release("1.1", of: "db", built: 0)
        try story.rollout("1.1", from: 1, to: 2)
        try story.rollout("1.1", of: "db", from: 3, to: 4)
        try story.rollout("1.1", of: "db", from: 5, to: 6, end: .stopped(StatusReason(.operatorStopped, "x")))
        try story.rollout("1.1", of: "db", from: 500, to: 501)
        #expect(story.measures().map(\.product?.text) == [nil, "db", "web"])
        #expect(story.measures().map(\.deployments) == [2, 1, 1])
        #expect(story.measures(from: 3).map(\.deployments) == [1, 1])
    }

    @Test("Nothing happened: zeros, no lead time, no trap")
    func nothing() {
        let all = MeasuredStory().measures()
        #expect(all.count == 1 && all[0].rollouts == 0 && all[0].leadTimeToFirstHost == nil)
    }

    @Test("A hundred thousand rollouts are measured, and every one of them counts")
    func many() throws {
        var story = MeasuredStory()
        for product in 0..<20 { try story.release("1.1", of: "p\(product)", built: 0) }
        for number in 0..<100_000 {
            try story.rollout(
                "1.1", of: "p\(number % 20)", from: Int64(number / 20), to: Int64(number / 20 + 1),
                end: number % 50 == 0 ? backedOut : .succeeded)
        }
        let clock = ContinuousClock()
        var found: [ReleaseMeasures] = []
        let span = clock.measure { found = story.measures(until: 6000) }
        print("measures of 100000 rollouts: \(span)")
        #expect(found.first?.rollouts == 100_000 && found.first?.failures == 2000)
        #expect(found.count == 21)
    }
}
