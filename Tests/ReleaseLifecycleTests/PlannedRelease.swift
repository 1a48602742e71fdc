import ReleaseDefinition
import ReleaseLifecycle

/// A release under test, told one thing after another.
struct PlannedRelease {
    static let name = try! ReleaseName("web@1.3")
    static let live = try! EnvironmentName("production")
    static let staging = try! EnvironmentName("staging")
    static let package = SHA256Digest(of: [1])
    static let rollout = try! RolloutID("r1")
    /// A Monday.
    static let start = try! UTCInstant("2026-11-23T09:00:00Z")

    var lifecycle = Lifecycle(name, live: live)
    var now = start
    private(set) var events: [LifecycleEvent] = []

    static func plan(_ change: (inout ReleasePlan) -> Void = { _ in }) -> ReleasePlan {
        var plan = ReleasePlan(
            release: name, category: .minor, environment: live, summary: "A release", owner: "web-team",
            changes: [ReleaseChange(id: "CHG-1", summary: "one", risk: .low)],
            approvals: [
                ApprovalStage(stage: "owner", by: ["bob"], valid: .days(3)),
                ApprovalStage(stage: "board", by: ["cyd", "dan", "eve"], count: 2, valid: .days(7)),
            ],
            schedule: PlannedSchedule(from: start, until: start + .days(2)),
            communication: [PlannedMessage(event: .scheduled, to: ["shop"])],
            backOut: BackOutPlan(document: "docs/back-out.md", decides: "bob"),
            backups: .notNeeded("no data"), earlyLife: EarlyLifePlan(span: .hours(24), handOverTo: "desk"),
            contracts: [PlannedContract(name: "SLA", change: .unchanged)],
            evidence: [EvidenceRule(kind: .tests), EvidenceRule(kind: .rehearsal, within: .days(7))])
        change(&plan)
        return plan
    }

    mutating func tell(_ command: LifecycleCommand, by actor: String = "ann") throws {
        for event in try lifecycle.decide(command, by: actor, at: now) {
            lifecycle.apply(event)
            events.append(event)
        }
    }

    /// Whatever it wants done is done.
    mutating func settle() throws {
        try tell(.tick)
        for action in lifecycle.pendingActions(at: now) {
            switch action {
            case .tell(let moment): try tell(.told(moment))
            case .takeBaseline(let moment, let rollout):
                try tell(
                    .baselineTaken(
                        ConfigurationBaseline(moment: moment, rollout: rollout, items: 3, digest: Self.package)))
            }
        }
    }

    func evidence(
        _ kind: EvidenceKind, _ summary: EvidenceSummary = .init(), by person: String = "ci", about: String? = nil,
        package: SHA256Digest = package
    ) -> EvidenceRecord {
        EvidenceRecord(
            id: SHA256Digest(of: Array("\(kind) \(person) \(now) \(summary.words) \(about ?? "")".utf8)), kind: kind,
            package: package, summary: summary, about: about, statedAt: now, by: person, keyID: "k", document: nil)
    }

    func approval(_ stage: String, _ person: String, until: UTCInstant? = nil) throws -> LifecycleApproval {
        let plan = lifecycle.record.plan ?? Self.plan()
        return LifecycleApproval(
            stage: stage, person: person, keyID: nil, plan: try plan.approvalDigest(),
            package: lifecycle.record.package ?? Self.package, until: until ?? now + .days(3))
    }

    static let goodTests = EvidenceSummary(counts: ["passed": 10, "failed": 0, "skipped": 0])

    /// On the usual way, as far as a stage.
    static func at(_ stage: LifecycleStage, _ plan: ReleasePlan = plan()) throws -> PlannedRelease {
        var release = PlannedRelease()
        let steps: [(LifecycleStage, (inout PlannedRelease) throws -> Void)] = [
            (.planned, { try $0.tell(.plan(plan)) }),
            (.built, { try $0.tell(.built(package)) }),
            (
                .validated,
                {
                    try $0.tell(.addEvidence($0.evidence(.tests, goodTests)))
                    try $0.tell(.addEvidence($0.evidence(.rehearsal)))
                }
            ),
            (
                .scheduled,
                {
                    for stage in plan.approvals {
                        for person in stage.by.prefix(stage.count) {
                            try $0.tell(.approve($0.approval(stage.stage, person), excludesAuthor: true), by: person)
                        }
                    }
                    try $0.settle()
                }
            ),
            (
                .deploying,
                {
                    try $0.tell(.deploy(isEmergency: false))
                    try $0.tell(.rolloutStarted(rollout, environment: live, isEmergency: false))
                }
            ),
            (.earlyLifeSupport, { try $0.tell(.rolloutEnded(rollout, .succeeded)) }),
            (
                .operational,
                {
                    try $0.settle()
                    try $0.tell(.addEvidence($0.evidence(.handOver, about: "desk")))
                    $0.now = $0.now + .hours(24)
                    try $0.settle()
                }
            ),
            (.reviewed, { try $0.tell(.review(ReviewConclusion(conclusion: "well", at: $0.now, by: "ann"))) }),
            (.closed, { try $0.tell(.close(ClosureFacts())) }),
        ]
        for (name, step) in steps {
            try step(&release)
            if name == stage { return release }
        }
        return release
    }
}
