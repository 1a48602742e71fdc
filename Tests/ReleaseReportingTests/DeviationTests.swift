import AgentProtocol
import ReleaseDefinition
import ReleaseLifecycle
import ReleaseReporting
import ReleaseRollout
import Testing

/// What a rollout's facts make of a release's deviations, said in a line each.
private struct DeviatingStory {
    var lifecycle: Lifecycle
    private let rollout = RolloutID(unchecked: "r1")
    private var sequence: Int64 = 0

    init() throws { lifecycle = Lifecycle(try ReleaseName("web@1.1"), live: MeasuredStory.live) }

    mutating func happens(_ fact: RolloutFact) {
        sequence += 1
        let source = RolloutDeviations.Source(
            rollout: rollout, sequence: sequence, at: MeasuredStory.at(1), owner: "bob")
        for fact in RolloutDeviations.facts(of: fact, source, known: lifecycle.record.deviations) {
            lifecycle.apply(LifecycleEvent(at: source.at, by: RolloutDeviations.raiser, fact))
        }
    }

    mutating func host(_ name: String, _ outcome: HostOutcome, _ action: OrderAction = .install) throws {
        happens(.hostEnded(try MeasuredStory.ending(outcome, of: HostID(name), action)))
    }

    var open: [String] { lifecycle.record.openDeviations.map(\.text) }
    var all: [Deviation] { lifecycle.record.deviations }
}

@Suite("Deviations that the engine raises")
struct DeviationTests {
    private func reason(_ text: String) -> StatusReason { StatusReason(.failuresOverTolerance, text) }

    @Test("A host that failed stays open until it is tried again and has the release")
    func failed() throws {
        var story = try DeviatingStory()
        try story.host("web-1", .failed(.health))
        #expect(story.open == ["web-1 failed (health)"])
        #expect(story.all.first?.owner == "bob" && story.all.first?.id == "e1")
        try story.host("web-1", .succeeded)
        #expect(story.open.isEmpty)
        #expect(story.all.first?.resolution?.action == "tried again: it has the release")
    }

    @Test("A host that took itself back is recorded with that as its corrective action")
    func backedOut() throws {
        var story = try DeviatingStory()
        try story.host("web-1", .backedOut(.hook))
        #expect(story.open.isEmpty)
        #expect(story.all.map(\.text) == ["web-1 failed (hook)"])
        #expect(story.all.first?.resolution?.action == "it took itself back to what it ran before")
    }

    @Test("A halt is put right by whoever resumes, with the reason, or by the back-out that follows")
    func halts() throws {
        var story = try DeviatingStory()
        story.happens(.halted(reason: reason("3 of 10 failed")))
        #expect(story.open == ["halted: 3 of 10 failed"])
        story.happens(.resumed(by: "ann", reason: "a rack lost power"))
        #expect(story.open.isEmpty)
        #expect(story.all.first?.resolution?.action == "resumed by ann: a rack lost power")
        story.happens(.halted(reason: reason("again")))
        story.happens(.backOutStarted(scope: .rollout, phase: 0, reason: reason("again")))
        #expect(story.open == ["back-out of the rollout: again"])
        story.happens(.ended(.backedOut(reason("again"))))
        #expect(story.open.isEmpty)
    }

    @Test("A host that could not be taken back is an issue, which the end of the rollout does not put right")
    func backOutFailed() throws {
        var story = try DeviatingStory()
        story.happens(.backOutStarted(scope: .rollout, phase: 0, reason: reason("x")))
        try story.host("web-1", .backOutFailed, .backOut)
        story.happens(.ended(.backedOut(reason("x"))))
        #expect(story.open == ["web-1 could not be taken back"])
        #expect(story.lifecycle.record.openDeviations.first?.kind == .issue)
        try story.host("web-1", .backedOut(nil), .backOut)
        #expect(story.open.isEmpty)
    }

    @Test("Gates that somebody passed over stay open until a person says what was done about it")
    func waived() throws {
        var story = try DeviatingStory()
        story.happens(.gatesWaived(phase: 0, by: "ann", reason: "the source is down"))
        story.happens(.ended(.succeeded))
        #expect(story.open == ["phase 1 passed whatever its gates say, by ann: the source is down"])
    }

    @Test("A thousand failed hosts are twenty deviations and one that says so")
    func bounded() throws {
        var story = try DeviatingStory()
        for number in 0..<1000 { try story.host("web-\(number)", .failed(.install)) }
        #expect(story.all.count == RolloutDeviations.hostsMax + 1)
        #expect(story.open.last == "more than 20 hosts failed")
        try story.host("web-999", .succeeded)
        #expect(story.all.count == RolloutDeviations.hostsMax + 1)
    }
}
