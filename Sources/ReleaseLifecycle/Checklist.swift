import ReleaseDefinition

/// The eight questions before a release goes live, each answered from the record (mission.md B6).
extension Lifecycle {
    public func readiness(at now: UTCInstant) -> [ChecklistItem] {
        ChecklistQuestion.allCases.map { ChecklistItem($0, gates(of: $0, at: now)) }
    }

    private func gates(of question: ChecklistQuestion, at now: UTCInstant) -> [LifecycleGate] {
        guard let plan = record.plan else { return [planGate] }
        let rules = { (kinds: [EvidenceKind]) in plan.evidence.filter { kinds.contains($0.kind) } }
        switch question {
        case .planApproved: return [planGate] + approvalGates(at: now)
        case .packageValidated:
            let own: Set<EvidenceKind> = [.tests, .rehearsal, .backupVerification, .communication, .handOver]
            return [packageGate] + plan.evidence.filter { !own.contains($0.kind) }.map { judge($0, at: now) }
        case .testResults:
            let asked = rules([.tests])
            return (asked.isEmpty ? [EvidenceRule(kind: .tests)] : asked).map { judge($0, at: now) }
        case .backOutTested:
            let asked = rules([.rehearsal])
            return [backOutDocumentGate]
                + (asked.isEmpty ? [EvidenceRule(kind: .rehearsal)] : asked).map { judge($0, at: now) }
        case .communicationSent: return [communicationGate(plan)]
        case .backupsVerified: return backupGates(plan, rules([.backupVerification]), at: now)
        case .configurationRecorded: return configurationGates(plan)
        case .earlyLifeScheduled: return [earlyLifeGate(plan)]
        }
    }

    private func communicationGate(_ plan: ReleasePlan) -> LifecycleGate {
        let own = record.ownEvidence.last { $0.kind == .communication }
        let isPlanned = plan.communication.contains { $0.event == .scheduled }
        if record.told.contains(.scheduled) {
            return LifecycleGate("communication", isMet: true, found: "the notice that it is scheduled was sent")
        }
        if let own { return LifecycleGate("communication", isMet: true, found: "told by \(own.by) at \(own.statedAt)") }
        let found =
            isPlanned
            ? "the notice that it is scheduled was not sent yet" : "the plan tells nobody that it is scheduled"
        return LifecycleGate(
            "communication", isMet: false, found: found,
            remedy: "slipway release evidence add \(release) --kind communication, or schedule in the plan")
    }

    private func backupGates(_ plan: ReleasePlan, _ rules: [EvidenceRule], at now: UTCInstant) -> [LifecycleGate] {
        switch plan.backups {
        case .notNeeded(let reason):
            return [LifecycleGate("backups", isMet: true, found: "there is nothing to back up: \(reason)")]
        case .verified:
            let asked = rules.isEmpty ? [EvidenceRule(kind: .backupVerification, within: .days(1))] : rules
            return asked.map { judge($0, at: now) }
        }
    }

    /// "CMDB update pending": what changes is known, and what was before will be put down.
    private func configurationGates(_ plan: ReleasePlan) -> [LifecycleGate] {
        let unknown = plan.contracts.filter { $0.change == .unknown }
        let contracts = LifecycleGate(
            "configuration.contracts", isMet: unknown.isEmpty,
            found: unknown.isEmpty
                ? "\(plan.contracts.count.of("contract")), each known to change or not"
                : "nobody has said whether \(unknown.map(\.name).joined(separator: ", ")) changes",
            remedy: "Write change: changed or unchanged, and send it with slipway release plan FILE")
        let baseline = record.baselines.last { $0.moment == .before }
        return [
            contracts,
            LifecycleGate(
                "configuration.baseline", isMet: baseline != nil,
                found: baseline.map { "\($0.items.of("configuration item")) put down, \($0.digest.short)…" }
                    ?? "no baseline was put down; a rollout in \(live) takes one before its first host",
                remedy: "slipway cmdb baseline \(release)"),
        ]
    }

    private func earlyLifeGate(_ plan: ReleasePlan) -> LifecycleGate {
        guard let earlyLife = plan.earlyLife else {
            return LifecycleGate(
                "earlyLife", isMet: false, found: "the plan says nothing of early life support",
                remedy: "Write earlyLife: { for: 24h, handOverTo: WHO } and send it with slipway release plan FILE")
        }
        return LifecycleGate(
            "earlyLife", isMet: true,
            found:
                "\(earlyLife.span) after success, \(earlyLife.exit.count.of("condition")) for its end, then \(earlyLife.handOverTo)"
        )
    }
}
