import ReleaseDefinition
import ReleaseLifecycle

/// A line of the post-implementation review.
public struct ReviewField: Sendable, Equatable {
    public var name: String
    public var planned: String?
    /// nil: nobody knows, a person must say it.
    public var actual: String?
    public var source: String
    public var isKept: Bool?

    init(_ name: String, planned: String? = nil, actual: String?, source: String, isKept: Bool? = nil) {
        self.name = name
        self.planned = planned
        self.actual = actual
        self.source = source
        self.isKept = isKept
    }
}

/// The review of a release, filled from what happened; the conclusion and the lessons are what people add.
public enum PostImplementationReview {
    /// - Parameter signed: whose keys approved it in each environment, as `staging: alice, bob`.
    public static func fields(_ lifecycle: Lifecycle, _ ledger: MeasureLedger, signed: [String] = []) -> [ReviewField] {
        let record = lifecycle.record
        let rollouts = record.rollouts.filter { $0.environment == lifecycle.live }.compactMap { ledger.entry($0.id) }
        return scope(record) + course(lifecycle, rollouts) + [signatures(signed)] + measures(record, rollouts, ledger)
            + after(lifecycle)
            + people(record)
    }

    private static func scope(_ record: LifecycleRecord) -> [ReviewField] {
        let plan = record.plan
        let changes = plan.map { $0.changes.map { "\($0.id) (\($0.risk.rawValue)): \($0.summary)" } } ?? []
        return [
            ReviewField(
                "changes", planned: plan.map { $0.changes.count.of("change") },
                actual: changes.isEmpty ? "none is known" : changes.joined(separator: "; "), source: "plan"),
            ReviewField(
                "category", planned: plan?.category.rawValue, actual: plan?.category.rawValue ?? "not planned",
                source: "plan"),
            ReviewField(
                "package", actual: record.package.map { "manifest \($0.hex)" } ?? "none", source: "release.submitted"),
            ReviewField(
                "risks", planned: plan.map { $0.risks.count.of("risk") },
                actual: record.deviations.filter { $0.kind == .risk }.count.of("risk") + " arose",
                source: "plan, deviations"),
        ]
    }

    private static func course(_ lifecycle: Lifecycle, _ rollouts: [MeasureLedger.Entry]) -> [ReviewField] {
        let (record, plan) = (lifecycle.record, lifecycle.record.plan)
        let last = rollouts.last
        let inTime = plan?.schedule.flatMap { schedule in
            rollouts.first.map { schedule.from <= $0.startedAt && $0.startedAt < schedule.until }
        }
        let failures = rollouts.reduce(0) { $0 + $1.failedHosts }
        let backedOut = rollouts.reduce(0) { $0 + $1.backedOutHosts }
        return [
            ReviewField(
                "start", planned: plan?.schedule.map { "\($0.from) until \($0.until)" },
                actual: rollouts.first.map { $0.startedAt.description } ?? "it was not rolled out in \(lifecycle.live)",
                source: "rollout.started", isKept: inTime),
            ReviewField(
                "duration", planned: plan?.targets.duration?.description,
                actual: last.flatMap { last in last.endedAt.map { $0.since(last.startedAt).words } }
                    ?? "it did not end",
                source: "rollout.ended",
                isKept: plan?.targets.duration.flatMap { target in
                    last.flatMap { last in last.endedAt.map { $0.since(last.startedAt) <= target } }
                }),
            ReviewField(
                "phases", planned: plan.map { "\($0.strategy.rawValue), \($0.criteria.count) criteria" },
                actual: last.map { "\($0.phasesPassed) of \($0.phases) passed, \($0.hosts.of("host"))" } ?? "none",
                source: "rollout.phasePassed"),
            ReviewField(
                "outcome", planned: "succeeded", actual: last?.verdict?.rawValue ?? "none", source: "rollout.ended",
                isKept: last?.verdict.map { $0 == .succeeded }),
            ReviewField(
                "failures", planned: plan?.targets.failuresMax.map { "\($0) at most" },
                actual: "\(failures.of("host")) failed, \(backedOut) backed out", source: "rollout.hostEnded",
                isKept: rollouts.isEmpty ? nil : plan?.targets.failuresMax.map { failures <= $0 }),
            ReviewField(
                "halts", actual: rollouts.reduce(0) { $0 + $1.halts }.of("halt"), source: "rollout.halted"),
            ReviewField(
                "back-out", planned: plan?.backOut.map { "as in \($0.document)" },
                actual: backOutWords(rollouts),
                source: "rollout.backOutStarted"),
            ReviewField(
                "approvals", planned: plan.map { $0.approvals.count.of("stage") },
                actual: record.approvals.map { "\($0.stage) by \($0.person)" }.joined(separator: ", ")
                    .emptyAs("none was asked for"), source: "lifecycle.approved"),
        ]
    }

    /// The approvals that hosts check: those of keys, in every profile.
    private static func signatures(_ signed: [String]) -> ReviewField {
        ReviewField(
            "signed by", actual: signed.joined(separator: "; ").emptyAs("nobody: it was not approved"),
            source: "metadata.signed")
    }

    private static func backOutWords(_ rollouts: [MeasureLedger.Entry]) -> String {
        guard rollouts.contains(where: \.hasBackOut) else {
            let alone = rollouts.reduce(0) { $0 + $1.backedOutHosts }
            return alone == 0 ? "it was not needed" : "not of the release; \(alone.of("host")) went back alone"
        }
        let stuck = rollouts.reduce(0) { $0 + $1.stuckHosts }
        return stuck == 0 ? "it was backed out" : "\(stuck.of("host")) could not be backed out"
    }

    private static func measures(
        _ record: LifecycleRecord, _ rollouts: [MeasureLedger.Entry], _ ledger: MeasureLedger
    ) -> [ReviewField] {
        let plan = record.plan
        let changedAt = plan?.changes.compactMap(\.committedAt).min() ?? record.builtAt
        let lead = rollouts.last?.lastHostAt.flatMap { last in changedAt.map { max(last.since($0), .zero) } }
        let failed = rollouts.filter { $0.verdict == .backedOut || $0.hasBackOut }
        let restore = failed.compactMap { entry in MeasureLedger.restoredAt(entry).map { $0.since(entry.startedAt) } }
            .max()
        return [
            ReviewField(
                "lead time", planned: plan?.targets.leadTime?.description,
                actual: lead?.words ?? "no host had it", source: "measures",
                isKept: plan?.targets.leadTime.flatMap { target in lead.map { $0 <= target } }),
            ReviewField(
                "time to restore", planned: plan?.targets.restore?.description,
                actual: restore?.words ?? (failed.isEmpty ? "nothing had to be restored" : "not restored yet"),
                source: "measures",
                isKept: rollouts.isEmpty
                    ? nil : plan?.targets.restore.map { target in restore.map { $0 <= target } ?? failed.isEmpty }),
        ]
    }

    private static func after(_ lifecycle: Lifecycle) -> [ReviewField] {
        let (record, plan) = (lifecycle.record, lifecycle.record.plan)
        let handOver = record.evidence.last { $0.kind == .handOver }
        let stay = record.began(.earlyLifeSupport).map { began in
            record.began(.operational).map { $0.since(began).words } ?? "since \(began), not over"
        }
        let contracts = plan?.contracts ?? []
        return [
            ReviewField(
                "early life support", planned: plan?.earlyLife?.span.description,
                actual: stay ?? "it was not in service", source: "lifecycle.moved"),
            ReviewField(
                "hand-over", planned: plan?.earlyLife?.handOverTo,
                actual: handOver.map { "\($0.about ?? "-") by \($0.by) at \($0.statedAt)" } ?? "none",
                source: "evidence"),
            ReviewField(
                "evidence", planned: plan.map { $0.evidence.count.of("rule") },
                actual: record.ownEvidence.count.of("statement"), source: "evidence"),
            ReviewField(
                "contracts", planned: contracts.count.of("contract"),
                actual: contracts.map { "\($0.name): \($0.change.rawValue)" }.joined(separator: ", ")
                    .emptyAs("none is touched"), source: "plan"),
            ReviewField(
                "configuration",
                actual: record.baselines.map { "\($0.moment.rawValue): \($0.items.of("item")) \($0.digest.short)" }
                    .joined(separator: ", ").emptyAs("no baseline"), source: "lifecycle.baselineTaken"),
            ReviewField(
                "deviations and issues",
                actual: record.deviations.map { "\($0.id) \($0.text) → \($0.resolution?.action ?? "open")" }
                    .joined(separator: "; ").emptyAs("none"), source: "lifecycle.deviationRaised"),
            ReviewField(
                "known errors",
                actual: record.knownErrors.map { "\($0.text) → \($0.workaround)" }.joined(separator: "; ")
                    .emptyAs("none"), source: "lifecycle.knownErrorAdded"),
        ]
    }

    private static func people(_ record: LifecycleRecord) -> [ReviewField] {
        let scores = record.feedback.map(\.score)
        let tenths = scores.isEmpty ? 0 : scores.reduce(0, +) * 10 / scores.count
        return [
            ReviewField(
                "feedback",
                actual: scores.isEmpty
                    ? "nobody gave any" : "\(scores.count.of("answer")), \(tenths / 10).\(tenths % 10) of 5",
                source: "lifecycle.feedbackGiven"),
            ReviewField(
                "conclusion", actual: record.review?.conclusion, source: "a person"),
            ReviewField(
                "lessons",
                actual: record.review.map { $0.lessons.joined(separator: "; ").emptyAs("none") }, source: "a person"),
        ]
    }
}

extension String {
    fileprivate func emptyAs(_ other: String) -> String { isEmpty ? other : self }
}
