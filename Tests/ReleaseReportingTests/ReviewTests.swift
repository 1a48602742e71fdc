import ReleaseDefinition
import ReleaseLifecycle
import ReleaseReporting
import Testing

@Suite("The review that fills itself")
struct ReviewTests {
    private func lifecycle() throws -> Lifecycle {
        let name = try ReleaseName("web@1.1")
        var lifecycle = Lifecycle(name, live: MeasuredStory.live)
        let plan = ReleasePlan(
            release: name, category: .minor, environment: MeasuredStory.live, summary: "x", owner: "ann",
            changes: [ReleaseChange(id: "C1", summary: "one", risk: .low, committedAt: MeasuredStory.at(0))],
            schedule: PlannedSchedule(from: MeasuredStory.at(10), until: MeasuredStory.at(20)),
            targets: PerformanceTargets(leadTime: .hours(5), duration: .hours(1), restore: .hours(1), failuresMax: 0))
        let facts: [(Int64, LifecycleFact)] = [
            (1, .planned(plan)), (2, .built(SHA256Digest(of: [1]))),
            (10, .rolloutStarted(try RolloutID("r1"), environment: MeasuredStory.live, isEmergency: false)),
            (12, .rolloutEnded(try RolloutID("r1"), .succeeded)),
        ]
        for (hour, fact) in facts { lifecycle.apply(LifecycleEvent(at: MeasuredStory.at(hour), by: "ann", fact)) }
        return lifecycle
    }

    @Test("Everything but the conclusion and the lessons is filled from what happened, plan beside actual")
    func filled() throws {
        var story = MeasuredStory()
        try story.release("1.1", built: 2, changed: 0)
        try story.rollout("1.1", from: 10, to: 12)
        let fields = PostImplementationReview.fields(try lifecycle(), story.ledger, signed: ["live: alice, bob"])
        #expect(fields.first { $0.name == "signed by" }?.actual == "live: alice, bob")
        let empty = fields.filter { $0.actual == nil }.map(\.name)
        #expect(empty == ["conclusion", "lessons"])
        #expect((fields.count - empty.count) * 100 >= fields.count * 90)
        func kept(_ name: String) -> Bool? { fields.first { $0.name == name }?.isKept }
        #expect(kept("start") == true)
        // Two hours where one was planned, twelve where five were.
        #expect(kept("duration") == false && kept("lead time") == false)
        #expect(kept("outcome") == true && kept("failures") == true && kept("time to restore") == true)
    }
}
