import ReleaseDefinition
import ReleaseLifecycle
import Testing

@Suite("The readiness checklist")
struct ChecklistTests {
    private func answers(_ stage: LifecycleStage, _ plan: ReleasePlan = PlannedRelease.plan()) throws -> [String: Bool]
    {
        let release = try PlannedRelease.at(stage, plan)
        let items = release.lifecycle.readiness(at: release.now)
        return Dictionary(uniqueKeysWithValues: items.map { ($0.question.rawValue, $0.isMet) })
    }

    @Test("Eight questions, each answered from the record")
    func eight() throws {
        let planned = try answers(.planned)
        #expect(planned.count == 8)
        #expect(planned.filter(\.value).keys.sorted() == ["backupsVerified", "earlyLifeScheduled"])
        let validated = try answers(.validated)
        #expect(validated["testResults"] == true && validated["backOutTested"] == true)
        #expect(validated["planApproved"] == false && validated["communicationSent"] == false)
        let scheduled = try answers(.scheduled)
        #expect(scheduled.filter { !$0.value }.map(\.key) == ["configurationRecorded"])
        #expect(try answers(.deploying).values.allSatisfy { $0 } == false)
    }

    @Test("Tests and a rehearsal are asked for even where the plan forgets them")
    func forgotten() throws {
        let plan = PlannedRelease.plan { $0.evidence = [] }
        var release = PlannedRelease()
        try release.tell(.plan(plan))
        try release.tell(.built(PlannedRelease.package))
        let items = release.lifecycle.readiness(at: release.now)
        #expect(items.first { $0.question == .testResults }?.isMet == false)
        #expect(items.first { $0.question == .backOutTested }?.isMet == false)
    }

    @Test("A contract of which nobody has said whether it changes keeps the release from being ready")
    func contracts() throws {
        let plan = PlannedRelease.plan { $0.contracts = [PlannedContract(name: "SLA-7", change: .unknown)] }
        let release = try PlannedRelease.at(.planned, plan)
        let item = release.lifecycle.readiness(at: release.now).first { $0.question == .configurationRecorded }
        #expect(item?.gates.first?.found.contains("SLA-7") == true)
    }

    @Test("A group that must be trained is a gate of validation")
    func training() throws {
        let plan = PlannedRelease.plan { $0.audience = [AudienceGroup(group: "shop", training: .required)] }
        var release = try PlannedRelease.at(.validated, plan)
        #expect(release.lifecycle.stage == .built)
        try release.tell(.addEvidence(release.evidence(.training, about: "shop")))
        #expect(release.lifecycle.stage == .validated)
    }
}
