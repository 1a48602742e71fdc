import ReleaseDefinition
import ReleaseLifecycle
import TestSupport
import Testing

@Suite("The way of a release")
struct TransitionTests {
    private static let way: [LifecycleStage] = [
        .planned, .built, .validated, .scheduled, .deploying, .earlyLifeSupport, .operational, .reviewed, .closed,
    ]

    @Test("Each stage follows from the record, and the way is planned to closed", arguments: way)
    func stages(_ stage: LifecycleStage) throws {
        #expect(try PlannedRelease.at(stage).lifecycle.stage == stage)
    }

    @Test("The history has every stage in its order, once")
    func history() throws {
        let release = try PlannedRelease.at(.closed)
        #expect(release.lifecycle.record.history.map(\.stage) == Self.way)
    }

    @Test("Without a schedule an authorised release is authorised, until the first approval ends")
    func authorised() throws {
        let plan = PlannedRelease.plan { $0.schedule = nil }
        var release = try PlannedRelease.at(.scheduled, plan)
        #expect(release.lifecycle.state == .authorised(until: release.now + .days(3)))
        #expect(release.lifecycle.nextDeadlineAt == release.now + .days(3))
        release.now = release.now + .days(3)
        try release.tell(.tick)
        #expect(release.lifecycle.stage == .validated)
    }

    @Test("A schedule that has passed leaves the release authorised only")
    func scheduleOver() throws {
        var release = try PlannedRelease.at(.scheduled)
        release.now = release.now + .days(2)
        try release.tell(.tick)
        #expect(release.lifecycle.stage == .authorised)
    }

    @Test("Evidence that has grown too old leads back, and fresh evidence leads on again")
    func lapse() throws {
        let plan = PlannedRelease.plan {
            $0.evidence = [EvidenceRule(kind: .tests, within: .hours(1)), EvidenceRule(kind: .rehearsal)]
        }
        var release = try PlannedRelease.at(.scheduled, plan)
        release.now = release.now + .hours(2)
        try release.tell(.tick)
        #expect(release.lifecycle.stage == .built)
        try release.tell(.addEvidence(release.evidence(.tests, PlannedRelease.goodTests)))
        #expect(release.lifecycle.stage == .scheduled)
    }

    @Test("Another package has no evidence and no approval")
    func rebuilt() throws {
        var release = try PlannedRelease.at(.scheduled)
        try release.tell(.built(SHA256Digest(of: [2])))
        #expect(release.lifecycle.stage == .built)
        #expect(release.lifecycle.approvalGates(at: release.now).allSatisfy { !$0.isMet })
    }

    @Test("A rollout elsewhere than where the release goes into service moves nothing")
    func staging() throws {
        var release = try PlannedRelease.at(.built)
        try release.tell(
            .rolloutStarted(PlannedRelease.rollout, environment: PlannedRelease.staging, isEmergency: false))
        try release.tell(.rolloutEnded(PlannedRelease.rollout, .succeeded))
        #expect(release.lifecycle.stage == .built)
    }

    @Test("A rollout that was stopped leads back to where the gates let it be")
    func stopped() throws {
        var release = try PlannedRelease.at(.deploying)
        try release.tell(.rolloutEnded(PlannedRelease.rollout, .abandoned))
        #expect(release.lifecycle.stage == .scheduled)
    }

    @Test("A back-out while it is deployed, and in early life support, is a back-out", arguments: [false, true])
    func backedOut(_ inEarlyLife: Bool) throws {
        var release = try PlannedRelease.at(inEarlyLife ? .earlyLifeSupport : .deploying)
        try release.tell(.rolloutEnded(PlannedRelease.rollout, .backedOut))
        #expect(release.lifecycle.stage == .backedOut)
        // It is looked back at and closed all the same; nobody takes over what is gone.
        try release.settle()
        try release.tell(.review(ReviewConclusion(conclusion: "bad", at: release.now, by: "ann")))
        try release.tell(.close(ClosureFacts()))
        #expect(release.lifecycle.stage == .closed)
    }

    @Test("Early life support ends when its time is over, somebody has taken over and no issue is open")
    func earlyLife() throws {
        var release = try PlannedRelease.at(.earlyLifeSupport)
        release.now = release.now + .hours(24)
        try release.tell(.tick)
        #expect(release.lifecycle.stage == .earlyLifeSupport)
        let issue = Deviation(
            id: "d1", kind: .issue, text: "slow", owner: "ann", raisedAt: release.now, raisedBy: "ann")
        try release.tell(.raise(issue))
        try release.tell(.addEvidence(release.evidence(.handOver, about: "desk")))
        #expect(release.lifecycle.stage == .earlyLifeSupport)
        try release.tell(.resolve(deviation: "d1", action: "made fast"))
        #expect(release.lifecycle.stage == .operational)
    }

    @Test("A release that nobody planned is followed as well, and can be planned afterwards to be closed")
    func unplanned() throws {
        var release = PlannedRelease()
        try release.tell(.built(PlannedRelease.package))
        #expect(release.lifecycle.stage == .unplanned)
        try release.tell(.deploy(isEmergency: false))
        try release.tell(.rolloutStarted(PlannedRelease.rollout, environment: PlannedRelease.live, isEmergency: true))
        try release.tell(.rolloutEnded(PlannedRelease.rollout, .succeeded))
        #expect(release.lifecycle.stage == .earlyLifeSupport)
        release.now = release.now + .hours(24)
        try release.settle()
        #expect(release.lifecycle.stage == .operational)
        // An emergency is looked back at within three working days: Tuesday to Friday.
        #expect(release.lifecycle.reviewDueAt == (try UTCInstant("2026-11-27T09:00:00Z")))
        try release.tell(.plan(PlannedRelease.plan()))
        #expect(release.lifecycle.record.plan != nil)
    }

    @Test("People are told of each moment once, and again when it begins anew")
    func moments() throws {
        var release = try PlannedRelease.at(.closed)
        try release.settle()
        let told = release.events.compactMap { if case .told(let moment) = $0.fact { moment } else { nil } }
        #expect(told == [.scheduled, .started, .live, .operational, .closed])
        #expect(release.lifecycle.pendingActions(at: release.now).isEmpty)
    }

    @Test("A baseline is put down before the rollout and after it")
    func baselines() throws {
        let release = try PlannedRelease.at(.operational)
        #expect(release.lifecycle.record.baselines.map(\.moment) == [.before, .after])
    }

    @Test("A review that is due is told")
    func reviewDue() throws {
        var release = try PlannedRelease.at(.operational)
        let due = try #require(release.lifecycle.reviewDueAt)
        #expect(release.lifecycle.nextDeadlineAt == due)
        release.now = due
        #expect(release.lifecycle.pendingActions(at: due) == [.tell(.reviewDue)])
        try release.settle()
        #expect(release.lifecycle.nextDeadlineAt == nil)
    }

    @Test("The events alone give the same record again")
    func replay() throws {
        let release = try PlannedRelease.at(.closed)
        var again = Lifecycle(PlannedRelease.name, live: PlannedRelease.live)
        for event in release.events {
            let bytes = try JSONCoding.canonicalBytes(of: event)
            again.apply(try JSONCoding.decode(LifecycleEvent.self, from: bytes))
        }
        #expect(again == release.lifecycle)
    }
}
