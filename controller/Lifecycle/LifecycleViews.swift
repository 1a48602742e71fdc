import ControllerAPI
import ReleaseDefinition
import ReleaseLifecycle

extension Controller {
    func lifecycleView(_ name: ReleaseName) throws -> LifecycleView { try known(name).view(at: time.now()) }

    /// The newest first.
    func lifecycleViews() -> [LifecycleView] {
        let now = time.now()
        return state.lifecycles.values
            .sorted { ($0.release.product, $1.release.version) < ($1.release.product, $0.release.version) }
            .map { $0.view(at: now) }
    }
}

extension Lifecycle {
    func view(at now: UTCInstant) -> LifecycleView {
        let due = reviewDueAt
        return LifecycleView(
            release: release, stage: stage, words: words, environment: live, plan: record.plan, package: record.package,
            approvalDigest: record.plan.flatMap { try? $0.approvalDigest() }, gates: nextGates(at: now),
            checklist: readiness(at: now), evidence: record.evidence, deviations: record.deviations,
            knownErrors: record.knownErrors, feedback: record.feedback,
            history: record.history.map { LifecycleEntryView(stage: $0.stage, at: $0.at) }, review: record.review,
            reviewDueAt: due, isReviewOverdue: due.map { $0 < now } ?? false)
    }

    private var words: String {
        switch state {
        case .unplanned: "nobody has planned it"
        case .planned: "planned, not built"
        case .built: "built, not validated"
        case .validated: "validated, not authorised"
        case .authorised(let until): "authorised until \(until)"
        case .scheduled(let schedule): "scheduled from \(schedule.from) until \(schedule.until)"
        case .deploying(let rollout): "being deployed to \(live) by \(rollout)"
        case .earlyLifeSupport(let rollout, let until): "live since \(rollout), early life support until \(until)"
        case .operational(let since): "operational since \(since)"
        case .backedOut(let rollout, let at): "backed out by \(rollout) at \(at)"
        case .reviewed(let at): "reviewed at \(at), not closed"
        case .closed(let at): "closed at \(at)"
        case .declined(let stage): "declined in the stage \(stage)"
        case .withdrawn(let reason): "withdrawn: \(reason)"
        }
    }
}
