import ReleaseDefinition

/// What people want of the record.
extension Lifecycle {
    func answer(plan: ReleasePlan) throws(LifecycleError) -> [LifecycleFact] {
        guard plan.release == release else {
            throw LifecycleError(
                code: "plan.release", summary: "The plan is of \(plan.release), not of \(release).",
                remedy: "Send it as the plan of \(plan.release).")
        }
        switch state {
        case .unplanned, .planned, .built, .validated, .authorised, .scheduled: break
        case .backedOut: break
        case .deploying, .earlyLifeSupport, .operational, .reviewed, .closed, .declined, .withdrawn:
            // What an emergency did first is planned afterwards, so that it can be reviewed and closed.
            guard record.plan == nil, !isOver else {
                throw LifecycleError(
                    code: "plan.late", summary: "\(release) is \(stage.rawValue), and its plan is fixed.",
                    remedy: "Record what is otherwise: slipway deviation add \(release) --text … --owner NAME")
            }
        }
        return record.plan == plan ? [] : [.planned(plan)]
    }

    func answer(evidence: EvidenceRecord) throws(LifecycleError) -> [LifecycleFact] {
        // What a release contains is asked for as long as it runs somewhere, and its file is closed by then.
        let isOfContent = evidence.kind == .billOfMaterials && stage == .closed
        guard !isOver || isOfContent else { throw over("evidence.over") }
        guard let package = record.package else {
            throw .refused("evidence", "Evidence about \(release) cannot be added", [packageGate])
        }
        guard evidence.package == package else {
            throw LifecycleError(
                code: "evidence.package",
                summary:
                    "The statement is about manifest \(evidence.package.short)…, \(release) has \(package.short)….",
                remedy:
                    "State it about this package: slipway release evidence add \(release) --kind \(evidence.kind.rawValue)"
            )
        }
        return record.evidence.contains { $0.repeats(evidence) } ? [] : [.evidenceAdded(evidence)]
    }

    func answer(
        approval: LifecycleApproval, excludesAuthor: Bool, at now: UTCInstant
    ) throws(LifecycleError) -> [LifecycleFact] {
        guard !isOver else { throw over("approve.over") }
        let stage = try self.stage(named: approval.stage, verb: "approve")
        guard let plan = record.plan, let package = record.package, let digest = try? plan.approvalDigest() else {
            throw .refused("approve", "\(release) cannot be approved", [planGate, packageGate].filter { !$0.isMet })
        }
        guard approval.plan == digest, approval.package == package else {
            throw LifecycleError(
                code: "approve.digest",
                summary: """
                    The approval is of plan \(approval.plan.short)… and manifest \(approval.package.short)…, \(release) has \
                    \(digest.short)… and \(package.short)….
                    """,
                remedy: "Look at it again, then: slipway release authorise \(release)")
        }
        guard approval.until > now else {
            throw LifecycleError(
                code: "approve.expired", summary: "The approval ended at \(approval.until), now it is \(now).",
                remedy: "Approve it again: slipway release authorise \(release)")
        }
        guard stage.by.isEmpty || stage.by.contains(approval.person) else {
            throw LifecycleError(
                code: "approve.person",
                summary:
                    "The stage \(stage.stage) is approved by \(stage.by.joined(separator: ", ")), not by \(approval.person).",
                remedy: "Ask one of them: slipway release checklist \(release) shows who has said yes.")
        }
        guard !excludesAuthor || !record.authors.contains(approval.person) else {
            throw LifecycleError(
                code: "approve.author", summary: "\(approval.person) planned \(release), and authors do not count.",
                remedy: "Another person must approve it: slipway release authorise \(release)")
        }
        let before = approvalStages.prefix { $0.stage != stage.stage }
        let missing = approvalGates(at: now).filter { gate in
            !gate.isMet && before.contains { gate.name == "approval.\($0.stage)" }
        }
        guard missing.isEmpty else {
            throw .refused("approve", "The stage \(stage.stage) of \(release) comes after others", missing)
        }
        return record.approvals.contains(approval) ? [] : [.approved(approval)]
    }

    func answer(decline name: String, person: String, reason: String) throws(LifecycleError) -> [LifecycleFact] {
        let stage = try self.stage(named: name, verb: "decline")
        switch state {
        case .planned, .built, .validated, .authorised, .scheduled: break
        default: throw over("decline.late")
        }
        guard stage.by.isEmpty || stage.by.contains(person) else {
            throw LifecycleError(
                code: "decline.person",
                summary: "The stage \(stage.stage) is of \(stage.by.joined(separator: ", ")), not of \(person).",
                remedy: "Tell one of them.")
        }
        return [.declined(stage: stage.stage, reason: reason)]
    }

    private func stage(named name: String, verb: String) throws(LifecycleError) -> ApprovalStage {
        guard record.plan != nil else { throw .refused(verb, "\(release) has no stages", [planGate]) }
        guard let stage = approvalStages.first(where: { $0.stage == name }) else {
            let known = approvalStages.map(\.stage).joined(separator: ", ")
            throw LifecycleError(
                code: "\(verb).stage",
                summary:
                    "There is no stage \(name.debugDescription): \(known.isEmpty ? "none is asked for" : "there are \(known)").",
                remedy: "slipway release checklist \(release) lists them.")
        }
        return stage
    }

    func answer(deviation: Deviation) throws(LifecycleError) -> [LifecycleFact] {
        if case .closed = state { throw over("deviation.closed") }
        if record.deviations.contains(where: { $0.id == deviation.id }) { return [] }
        return [.deviationRaised(deviation)]
    }

    func answer(feedback: ReleaseFeedback, by actor: String) throws(LifecycleError) -> [LifecycleFact] {
        let own = record.feedback.count { $0.by == feedback.by }
        guard own < ReleaseFeedback.perActorMax, record.feedback.count < ReleaseFeedback.perReleaseMax else {
            let (count, whose) =
                own < ReleaseFeedback.perActorMax ? (record.feedback.count, "in all") : (own, "of \(feedback.by)")
            throw LifecycleError(
                code: "feedback.full", summary: "\(release) has \(count) answers \(whose), and takes no more.",
                remedy:
                    "What is still to be said is a deviation: slipway deviation add \(release) --text … --owner NAME"
            )
        }
        return [.feedbackGiven(feedback)]
    }

    func answer(resolve id: String, action: String) throws(LifecycleError) -> [LifecycleFact] {
        guard let deviation = record.deviations.first(where: { $0.id == id }) else {
            throw LifecycleError(
                code: "deviation.absent", summary: "\(release) has no deviation \(id).",
                remedy: "slipway deviation list \(release)")
        }
        guard deviation.resolution == nil else {
            throw LifecycleError(
                code: "deviation.resolved",
                summary: "\(id) was resolved before: \(deviation.resolution?.action ?? "").",
                remedy: "Nothing is left to do for it.")
        }
        return [.deviationResolved(id: id, action: action)]
    }

    func answer(review: ReviewConclusion) throws(LifecycleError) -> [LifecycleFact] {
        switch state {
        case .operational, .backedOut: return [.reviewed(review)]
        case .reviewed:
            throw LifecycleError(
                code: "review.held",
                summary: "The review of \(release) was held at \(record.review?.at.description ?? "-").",
                remedy: "slipway release close \(release)")
        case .closed, .declined, .withdrawn: throw over("review.over")
        default:
            throw .refused(
                "review", "\(release) is \(stage.rawValue): it is reviewed once it is operational or backed out",
                reviewGates)
        }
    }

    private var reviewGates: [LifecycleGate] {
        if case .earlyLifeSupport(_, let until) = state {
            return [LifecycleGate("earlyLife", isMet: false, found: "early life support ends at \(until)")]
                + serviceGates(at: until).filter { !$0.isMet }
        }
        return [
            LifecycleGate(
                "rollout", isMet: false, found: "it was not rolled out in \(live) to an end",
                remedy: "slipway rollout start FILE")
        ]
    }

    func answer(close facts: ClosureFacts, at now: UTCInstant) throws(LifecycleError) -> [LifecycleFact] {
        if case .closed(let at) = state {
            throw LifecycleError(
                code: "close.closed", summary: "\(release) was closed at \(at).",
                remedy: "Nothing is left to do for it.")
        }
        guard !isOver else { throw over("close.over") }
        let inService = record.history.contains { $0.stage == .operational || $0.stage == .backedOut }
        let early =
            inService
            ? []
            : [
                LifecycleGate(
                    "operational", isMet: false, found: "it is \(stage.rawValue)",
                    remedy: "slipway release status \(release) says where it stands")
            ]
        let missing = early + closureGates(facts, at: now).filter { !$0.isMet }
        guard missing.isEmpty, case .reviewed = state else {
            throw .refused("close", "\(release) cannot be closed", missing)
        }
        return [.moved(.closed(at: now))]
    }

    func answer(withdraw reason: String) throws(LifecycleError) -> [LifecycleFact] {
        switch state {
        case .unplanned, .planned, .built, .validated, .authorised, .scheduled:
            return [.moved(.withdrawn(reason: reason))]
        case .deploying, .earlyLifeSupport, .operational, .backedOut, .reviewed:
            throw LifecycleError(
                code: "withdraw.live", summary: "\(release) is \(stage.rawValue): it has been on hosts.",
                remedy: "Back it out instead: slipway rollout back-out ID --reason …")
        case .closed, .declined, .withdrawn: throw over("withdraw.over")
        }
    }

    private func over(_ code: String) -> LifecycleError {
        LifecycleError(
            code: code, summary: "\(release) is \(stage.rawValue).",
            remedy: "Plan another release: slipway release plan FILE")
    }
}
