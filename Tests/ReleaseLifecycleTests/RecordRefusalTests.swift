import ReleaseDefinition
import ReleaseLifecycle
import TestSupport
import Testing

@Suite("What the record refuses")
struct RecordRefusalTests {
    private func refused(_ command: LifecycleCommand, at stage: LifecycleStage) throws -> LifecycleError? {
        var release = try PlannedRelease.at(stage)
        return refused(command, &release)
    }

    private func refused(_ command: LifecycleCommand, _ release: inout PlannedRelease) -> LifecycleError? {
        let before = release.lifecycle
        do {
            try release.tell(command)
            return nil
        } catch {
            #expect(release.lifecycle == before)
            return error as? LifecycleError
        }
    }

    @Test("A release that is not ready cannot go live, and every gate names its command")
    func deploy() throws {
        let error = try #require(try refused(.deploy(isEmergency: false), at: .built))
        #expect(error.code == "lifecycle.deploy.refused")
        let cause = try #require(error.cause)
        for gate in ["approval.owner", "approval.board", "evidence.tests", "evidence.rehearsal", "communication"] {
            #expect(cause.contains(gate), "\(gate)")
        }
        #expect(cause.contains("slipway release evidence add web@1.3 --kind tests --file JUNIT.xml"))
        #expect(cause.contains("slipway release authorise web@1.3 --stage owner"))
    }

    @Test("An emergency goes first and is looked at afterwards")
    func emergency() throws {
        #expect(try refused(.deploy(isEmergency: true), at: .built) == nil)
    }

    @Test("Before its schedule a release does not go live")
    func early() throws {
        let plan = PlannedRelease.plan {
            $0.schedule = PlannedSchedule(
                from: PlannedRelease.start + .hours(1), until: PlannedRelease.start + .days(2))
        }
        var release = try PlannedRelease.at(.scheduled, plan)
        let error = try #require(refused(.deploy(isEmergency: false), &release))
        #expect(error.cause?.contains("schedule: it is scheduled from 2026-11-23T10:00:00Z") == true)
        release.now = release.now + .hours(1)
        #expect(refused(.deploy(isEmergency: false), &release) == nil)
    }

    @Test("An approval counts for its plan and its package alone")
    func otherDigest() throws {
        var release = try PlannedRelease.at(.validated)
        var approval = try release.approval("owner", "bob")
        approval.package = SHA256Digest(of: [9])
        #expect(refused(.approve(approval, excludesAuthor: false), &release)?.code == "lifecycle.approve.digest")
        approval = try release.approval("owner", "bob")
        approval.plan = SHA256Digest(of: [9])
        #expect(refused(.approve(approval, excludesAuthor: false), &release)?.code == "lifecycle.approve.digest")
    }

    @Test("A material edit of the plan voids every approval; better words void none")
    func edit() throws {
        var release = try PlannedRelease.at(.scheduled)
        try release.tell(.plan(PlannedRelease.plan { $0.summary = "Better words" }))
        #expect(release.lifecycle.stage == .scheduled)
        try release.tell(.plan(PlannedRelease.plan { $0.strategy = .bigBang }))
        #expect(release.lifecycle.stage == .validated)
    }

    @Test("An approval that has ended, of a stranger, or of the author where authors do not count, counts nothing")
    func approvals() throws {
        var release = try PlannedRelease.at(.validated)
        let ended = try release.approval("owner", "bob", until: release.now)
        #expect(refused(.approve(ended, excludesAuthor: false), &release)?.code == "lifecycle.approve.expired")
        let stranger = try release.approval("owner", "zoe")
        #expect(refused(.approve(stranger, excludesAuthor: false), &release)?.code == "lifecycle.approve.person")
        let plan = PlannedRelease.plan { $0.approvals = [ApprovalStage(stage: "owner")] }
        try release.tell(.plan(plan))
        let author = try release.approval("owner", "ann")
        #expect(refused(.approve(author, excludesAuthor: true), &release)?.code == "lifecycle.approve.author")
        #expect(refused(.approve(author, excludesAuthor: false), &release) == nil)
    }

    @Test("One person under two keys has one vote")
    func twoKeys() throws {
        var release = try PlannedRelease.at(.validated)
        try release.tell(.approve(release.approval("owner", "bob"), excludesAuthor: true))
        for key in ["k1", "k2"] {
            var approval = try release.approval("board", "cyd")
            approval.keyID = key
            try release.tell(.approve(approval, excludesAuthor: true))
        }
        #expect(release.lifecycle.stage == .validated)
        #expect(release.lifecycle.approvalGates(at: release.now).last?.found.contains("1 of 2") == true)
    }

    @Test("The stages of the chain come one after the other")
    func order() throws {
        var release = try PlannedRelease.at(.validated)
        let board = try release.approval("board", "cyd")
        #expect(refused(.approve(board, excludesAuthor: true), &release)?.code == "lifecycle.approve.refused")
        let nowhere = try release.approval("nowhere", "cyd")
        #expect(refused(.approve(nowhere, excludesAuthor: true), &release)?.code == "lifecycle.approve.stage")
    }

    @Test("Declined is an end: nothing goes on from there")
    func declined() throws {
        var release = try PlannedRelease.at(.validated)
        let stranger = LifecycleCommand.decline(stage: "owner", person: "zoe", reason: "no")
        #expect(refused(stranger, &release)?.code == "lifecycle.decline.person")
        try release.tell(.decline(stage: "owner", person: "bob", reason: "no"))
        #expect(release.lifecycle.state == .declined(stage: "owner"))
        #expect(refused(.plan(PlannedRelease.plan { $0.owner = "x" }), &release)?.code == "lifecycle.plan.late")
        #expect(refused(.deploy(isEmergency: false), &release)?.code == "lifecycle.deploy.declined")
        let approval = try release.approval("owner", "bob")
        #expect(refused(.approve(approval, excludesAuthor: false), &release)?.code == "lifecycle.approve.over")
    }

    @Test(
        "Withdrawn before it was on hosts, and not afterwards",
        arguments: [LifecycleStage.planned, .scheduled, .deploying])
    func withdrawn(_ stage: LifecycleStage) throws {
        let error = try refused(.withdraw(reason: "not wanted"), at: stage)
        #expect(error?.code == (stage == .deploying ? "lifecycle.withdraw.live" : nil))
    }

    @Test("Evidence about another package, or about none, is refused")
    func evidence() throws {
        var release = try PlannedRelease.at(.planned)
        let none = release.evidence(.tests)
        #expect(refused(.addEvidence(none), &release)?.code == "lifecycle.evidence.refused")
        try release.tell(.built(PlannedRelease.package))
        let other = release.evidence(.tests, package: SHA256Digest(of: [7]))
        #expect(refused(.addEvidence(other), &release)?.code == "lifecycle.evidence.package")
    }

    @Test("The plan of a release that is deployed is fixed")
    func latePlan() throws {
        let error = try refused(.plan(PlannedRelease.plan { $0.owner = "x" }), at: .deploying)
        #expect(error?.code == "lifecycle.plan.late")
        let other = PlannedRelease.plan {
            $0.release = ReleaseName(product: $0.release.product, version: try! .init("9.0"))
        }
        #expect(try refused(.plan(other), at: .planned)?.code == "lifecycle.plan.release")
    }

    @Test(
        "A review before the end is refused with what is missing",
        arguments: [LifecycleStage.scheduled, .earlyLifeSupport])
    func review(_ stage: LifecycleStage) throws {
        let conclusion = ReviewConclusion(conclusion: "x", at: PlannedRelease.start, by: "ann")
        let error = try #require(try refused(.review(conclusion), at: stage))
        #expect(error.code == "lifecycle.review.refused")
        #expect(error.cause?.contains(stage == .scheduled ? "rollout" : "earlyLife") == true)
        #expect(try refused(.review(conclusion), at: .reviewed)?.code == "lifecycle.review.held")
        #expect(try refused(.review(conclusion), at: .closed)?.code == "lifecycle.review.over")
    }

    @Test("Closure without a review is refused")
    func closeUnreviewed() throws {
        let error = try #require(try refused(.close(ClosureFacts()), at: .operational))
        #expect(error.cause?.contains("review: the review was not held slipway release review web@1.3") == true)
    }

    @Test("Closure with drift is refused, and names the hosts")
    func closeDrifted() throws {
        let host = try HostID("host1")
        let silent = try #require(try refused(.close(ClosureFacts(unheard: [host])), at: .reviewed))
        #expect(silent.cause?.contains("1 host did not say whether files were changed") == true)
        let error = try #require(try refused(.close(ClosureFacts(drifted: [host])), at: .reviewed))
        #expect(error.cause?.contains("files were changed on host1") == true)
    }

    @Test("Closure with an open deviation is refused")
    func closeDeviating() throws {
        var release = try PlannedRelease.at(.reviewed)
        try release.tell(
            .raise(
                Deviation(
                    id: "d1", kind: .deviation, text: "later", owner: "ann", raisedAt: release.now, raisedBy: "ann")))
        #expect(refused(.close(ClosureFacts()), &release)?.cause?.contains("open: d1 (later)") == true)
        try release.tell(.resolve(deviation: "d1", action: "noted"))
        #expect(refused(.close(ClosureFacts()), &release) == nil)
        #expect(refused(.resolve(deviation: "d1", action: "x"), &release)?.code == "lifecycle.deviation.resolved")
        #expect(refused(.resolve(deviation: "d9", action: "x"), &release)?.code == "lifecycle.deviation.absent")
    }

    @Test("Closure without a hand-over is refused")
    func closeWithoutHandOver() throws {
        var release = PlannedRelease()
        try release.tell(.built(PlannedRelease.package))
        try release.tell(.rolloutStarted(PlannedRelease.rollout, environment: PlannedRelease.live, isEmergency: true))
        try release.tell(.rolloutEnded(PlannedRelease.rollout, .succeeded))
        release.now = release.now + .hours(24)
        try release.settle()
        try release.tell(.plan(PlannedRelease.plan()))
        try release.tell(.review(ReviewConclusion(conclusion: "x", at: release.now, by: "ann")))
        let error = try #require(refused(.close(ClosureFacts()), &release))
        #expect(error.cause?.contains("evidence.handOver.desk: there is no hand-over about desk") == true)
    }

    @Test("Closure while log and hosts disagree, or an emergency is not reviewed, is refused")
    func closeDisagreeing() throws {
        let facts = ClosureFacts(disagreements: ["host1 runs web@1.2"], unreviewed: [PlannedRelease.rollout])
        let error = try #require(try refused(.close(facts), at: .reviewed))
        #expect(error.cause?.contains("host1 runs web@1.2") == true)
        #expect(error.cause?.contains("not reviewed: r1") == true)
        #expect(try refused(.close(ClosureFacts()), at: .closed)?.code == "lifecycle.close.closed")
    }

    @Test("What has happened is never refused, in any stage")
    func facts() throws {
        for stage in LifecycleStage.allCases {
            var release = try PlannedRelease.at(stage)
            try release.tell(.rolloutEnded(try RolloutID("r9"), .backedOut))
            try release.tell(.told(.halted))
            try release.tell(.built(SHA256Digest(of: [4])))
            try release.tell(.rolloutStarted(try RolloutID("r8"), environment: PlannedRelease.live, isEmergency: true))
            try release.tell(.tick)
        }
    }
}
