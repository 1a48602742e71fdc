import ReleaseDefinition

/// What each stage asks for. Everything is computed from the record; what is missing names the command that provides it.
extension Lifecycle {
    // MARK: validated

    /// The evidence that the plan asks for, and the papers without which a release is no release.
    public func validationGates(at now: UTCInstant) -> [LifecycleGate] {
        guard let plan = record.plan else { return [planGate] }
        return [packageGate, backOutDocumentGate] + plan.evidence.map { judge($0, at: now) }
            + trainingGates(plan, at: now)
    }

    var planGate: LifecycleGate {
        guard let plan = record.plan, let at = record.plannedAt else {
            return LifecycleGate(
                "plan", isMet: false, found: "there is no plan",
                remedy: "slipway release plan FILE; slipway release plan --template minor prints one")
        }
        return LifecycleGate(
            "plan", isMet: true,
            found: "planned at \(at) with \(plan.changes.count.of("change")) for \(plan.environment)")
    }

    var packageGate: LifecycleGate {
        guard let package = record.package, let at = record.builtAt else {
            return LifecycleGate(
                "package", isMet: false, found: "there is no package of \(release)",
                remedy: "slipway release submit DIR")
        }
        return LifecycleGate("package", isMet: true, found: "taken in at \(at) with manifest \(package.short)…")
    }

    var backOutDocumentGate: LifecycleGate {
        guard let backOut = record.plan?.backOut else {
            return LifecycleGate(
                "backOut.document", isMet: false, found: "the plan names no back-out document",
                remedy: "Write backOut: { document: PATH, decides: WHO } and send it with slipway release plan FILE")
        }
        return LifecycleGate(
            "backOut.document", isMet: true, found: "\(backOut.document), decided by \(backOut.decides)")
    }

    private func trainingGates(_ plan: ReleasePlan, at now: UTCInstant) -> [LifecycleGate] {
        plan.audience.filter { $0.training == .required }.map {
            judge(EvidenceRule(kind: .training, about: $0.group), at: now)
        }
    }

    func judge(_ rule: EvidenceRule, at now: UTCInstant) -> LifecycleGate {
        rule.judge(record.ownEvidence, release: release, at: now)
    }

    // MARK: authorised

    /// The stages of the chain; a standard change was approved once for all.
    var approvalStages: [ApprovalStage] {
        guard let plan = record.plan, plan.type != .standard else { return [] }
        return plan.approvals.isEmpty ? [ApprovalStage(stage: "release")] : plan.approvals
    }

    public func approvalGates(at now: UTCInstant) -> [LifecycleGate] {
        guard record.plan != nil else { return [planGate] }
        if approvalStages.isEmpty {
            return [LifecycleGate("approval", isMet: true, found: "a standard change, approved once for all")]
        }
        return approvalStages.map { stage in
            let people = Set(counting(stage, at: now).map(\.person)).sorted()
            let who = stage.by.isEmpty ? "whoever may approve" : stage.by.joined(separator: ", ")
            let named = people.isEmpty ? "" : " (\(people.joined(separator: ", ")))"
            return LifecycleGate(
                "approval.\(stage.stage)", isMet: people.count >= stage.count,
                found: "\(people.count) of \(stage.count) of \(who) have said yes\(named)",
                remedy: isOutside(stage)
                    ? "The controller asks it: change-management.json in its folder names it"
                    : "slipway release authorise \(release) --stage \(Self.quoted(stage.stage))")
        }
    }

    private func isOutside(_ stage: ApprovalStage) -> Bool {
        !stage.by.isEmpty && stage.by.allSatisfy { $0.hasPrefix(Self.outsidePrefix) }
    }

    private static func quoted(_ text: String) -> String {
        text.contains { !$0.isLetter && !$0.isNumber && $0 != "-" } ? "'\(text)'" : text
    }

    /// Those that count now: for this plan, this package, unexpired, by one whom the stage names.
    func counting(_ stage: ApprovalStage, at now: UTCInstant) -> [LifecycleApproval] {
        guard let plan = record.plan, let package = record.package, let digest = try? plan.approvalDigest() else {
            return []
        }
        return record.approvals.filter {
            $0.stage == stage.stage && $0.plan == digest && $0.package == package && now < $0.until
                && (stage.by.isEmpty || stage.by.contains($0.person))
        }
    }

    /// When the first stage loses its last needed yes.
    func approvalsEndAt(at now: UTCInstant) -> UTCInstant? {
        approvalStages.compactMap { stage in
            let ends = counting(stage, at: now).map(\.until).sorted(by: >)
            return ends.count >= stage.count ? ends[stage.count - 1] : nil
        }.min()
    }

    /// Of those that count at some time: for the timer, which may be early and never late.
    var approvalsEndAt: UTCInstant? { record.approvals.map(\.until).min() }

    // MARK: deploying

    /// - Throws: `lifecycle.deploy.refused` with every gate.
    func requireDeployable(isEmergency: Bool, at now: UTCInstant) throws(LifecycleError) {
        switch state {
        case .declined(let stage):
            throw LifecycleError(
                code: "deploy.declined", summary: "\(release) was declined in the stage \(stage).",
                remedy: "Plan another release: slipway release plan FILE")
        case .withdrawn(let reason):
            throw LifecycleError(
                code: "deploy.withdrawn", summary: "\(release) was withdrawn: \(reason).",
                remedy: "Plan another release: slipway release plan FILE")
        case .closed(let at):
            throw LifecycleError(
                code: "deploy.closed", summary: "\(release) was closed at \(at).",
                remedy: "Plan another release: slipway release plan FILE")
        default: break
        }
        // Nobody planned it: the policy says whether it must be. An emergency goes first and is looked at afterwards.
        guard record.plan != nil, !isEmergency else { return }
        let gates = readiness(at: now).flatMap(\.gates).filter { !$0.isMet && $0.name != "configuration.baseline" }
        let closed = scheduleGate(at: now).filter { !$0.isMet }
        guard gates.isEmpty, closed.isEmpty else {
            throw .refused("deploy", "\(release) cannot go live in \(live)", gates + closed)
        }
    }

    private func scheduleGate(at now: UTCInstant) -> [LifecycleGate] {
        guard let schedule = record.plan?.schedule else { return [] }
        let isOpen = schedule.from <= now && now < schedule.until
        return [
            LifecycleGate(
                "schedule", isMet: isOpen,
                found: "it is scheduled from \(schedule.from) until \(schedule.until), now it is \(now)",
                remedy: now < schedule.from ? nil : "Correct schedule and send it with slipway release plan FILE")
        ]
    }

    // MARK: operational, closed

    /// What must hold at the end of early life support.
    public func serviceGates(at now: UTCInstant) -> [LifecycleGate] {
        [handOverGate(at: now), issuesGate]
    }

    private func handOverGate(at now: UTCInstant) -> LifecycleGate {
        guard record.plan != nil else {
            return LifecycleGate("handOver", isMet: true, found: "nobody planned it, so nobody is to take it over")
        }
        return judge(EvidenceRule(kind: .handOver, about: record.plan?.earlyLife?.handOverTo), at: now)
    }

    private var issuesGate: LifecycleGate {
        let open = record.openDeviations.filter { $0.kind == .issue }
        return LifecycleGate(
            "issues", isMet: open.isEmpty,
            found: open.isEmpty ? "no issue is open" : "open: \(Self.words(open))",
            remedy: "slipway deviation resolve \(release) \(open.first?.id ?? "ID") --action …")
    }

    private static func words(_ deviations: [Deviation]) -> String {
        deviations.prefix(5).map { "\($0.id) (\($0.text))" }.joined(separator: ", ")
    }

    public func closureGates(_ facts: ClosureFacts, at now: UTCInstant) -> [LifecycleGate] {
        let open = record.openDeviations
        let unreviewed = facts.unreviewed
        return [
            LifecycleGate(
                "review", isMet: record.review != nil,
                found: record.review.map { "held at \($0.at) by \($0.by)" } ?? "the review was not held",
                remedy: "slipway release review \(release) --conclusion …"),
            handOverGateWhereInService(at: now),
            LifecycleGate(
                "deviations", isMet: open.isEmpty,
                found: open.isEmpty ? "none is open" : "open: \(Self.words(open))",
                remedy: "slipway deviation resolve \(release) \(open.first?.id ?? "ID") --action …"),
            driftGate(facts),
            LifecycleGate(
                "configuration", isMet: facts.disagreements.isEmpty,
                found: facts.disagreements.isEmpty
                    ? "log and hosts agree" : facts.disagreements.prefix(5).joined(separator: "; "),
                remedy: "slipway hosts list shows what each should run and runs"),
            LifecycleGate(
                "emergencies", isMet: unreviewed.isEmpty,
                found: unreviewed.isEmpty
                    ? "no review of an emergency is owed"
                    : "not reviewed: \(unreviewed.map(\.text).joined(separator: ", "))",
                remedy: "slipway release review \(unreviewed.first?.text ?? "ROLLOUT") --conclusion …"),
        ]
    }

    private func driftGate(_ facts: ClosureFacts) -> LifecycleGate {
        func words(_ hosts: [HostID]) -> String { hosts.prefix(5).map(\.text).joined(separator: ", ") }
        guard facts.drifted.isEmpty else {
            return LifecycleGate(
                "drift", isMet: false, found: "files were changed on \(words(facts.drifted))",
                remedy: "slipway-agent verify on the host names the files")
        }
        guard let first = facts.unheard.first else {
            return LifecycleGate("drift", isMet: true, found: "every host's files are as they were signed")
        }
        return LifecycleGate(
            "drift", isMet: false,
            found: "\(facts.unheard.count.of("host")) did not say whether files were changed: \(words(facts.unheard))",
            remedy:
                "A host that fetches says it at its next check: close it again then. Bring the others back into contact, "
                + "or: slipway hosts retire \(first) --reason …")
    }

    /// What was taken back is handed over to nobody.
    private func handOverGateWhereInService(at now: UTCInstant) -> LifecycleGate {
        guard liveRollout?.verdict == .backedOut else { return handOverGate(at: now) }
        return LifecycleGate("handOver", isMet: true, found: "it was backed out, so there is nothing to hand over")
    }
}
