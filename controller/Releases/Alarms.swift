import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// What somebody must be told without asking: metadata and certificates that end soon, emergencies that nobody has
/// reviewed.
extension Controller {
    /// Once for each role, end and level, also over restarts.
    func noteExpiries(at now: UTCInstant) throws {
        let news = try repository.survey().expiryWarnings(at: now).filter { warning in
            guard let told = state.expiries[warning.role], told.expiresAt == warning.expiresAt else { return true }
            // A clock that was set back makes nothing less urgent.
            return warning.level.margin < told.level.margin
        }
        guard !news.isEmpty else { return }
        let events = news.map {
            NewEvent(
                actor: Self.engineActor,
                event: .metadataExpiring(
                    MetadataExpiring(role: $0.role, expiresAt: $0.expiresAt, level: $0.level)))
        }
        try commit(StoreChange(events: events), at: now)
        for warning in news {
            logger.warning(
                "signed metadata comes to its end",
                metadata: [
                    "role": "\(warning.role)", "expires": "\(warning.expiresAt)", "words": "\(warning.words)",
                ])
        }
    }

    // MARK: Emergencies

    /// The newest first.
    func emergencyViews() -> [EmergencyView] { state.emergencies.reversed().map { $0.view(at: time.now()) } }

    /// - Throws: `controller.conflict.reviewed`, `controller.access.author` in the profile regulated.
    func review(_ rollout: RolloutID, _ request: EmergencyReviewRequest, by actor: String) throws -> EmergencyView {
        let record = try emergency(rollout)
        if let review = record.review {
            throw ControllerError.conflict(
                "reviewed",
                "The emergency \(rollout) was reviewed at \(review.at) by \(review.by): \(review.conclusion)",
                remedy: "Nothing is owed for it any more.")
        }
        guard request.conclusion.contains(where: { !$0.isWhitespace }) else {
            throw ControllerError.badRequest(
                "conclusion", "The review says nothing.", remedy: "Say what was found, with --conclusion.")
        }
        guard profile != .regulated || record.by != actor else {
            throw ControllerError.forbidden(
                "author",
                "\(actor) pushed the emergency \(rollout), and in the profile regulated somebody else reviews it.",
                remedy: "Another person must review it.")
        }
        let event = EmergencyReviewed(rollout: rollout, conclusion: request.conclusion.bounded(16000))
        try commit(.emergencyReviewed(event), by: actor, at: time.now())
        return try emergency(rollout).view(at: time.now())
    }

    private func emergency(_ rollout: RolloutID) throws -> EmergencyRecord {
        guard let record = state.emergencies.first(where: { $0.released.rollout == rollout }) else {
            throw ControllerError.notFound(
                "emergency \(rollout)", remedy: "slipway release review lists those whose review is owed.")
        }
        return record
    }

    private func revokedNotices() -> [ConsoleNotice] {
        state.revokedStillRunning().map { one in
            // `When and for whom: COMMAND`; the command alone is typed.
            guard !one.remedy.hasPrefix("slipway"), let colon = one.remedy.ranges(of: ": ").last else {
                return ConsoleNotice(tone: "failed", text: "\(one.words).", command: one.remedy)
            }
            return ConsoleNotice(
                tone: "failed", text: "\(one.words). \(one.remedy[..<colon.lowerBound]):",
                command: String(one.remedy[colon.upperBound...]))
        }
    }

    /// For the console: a sentence each, the most urgent first.
    func notices() -> [ConsoleNotice] {
        let now = time.now()
        let owed = state.emergencies.filter { $0.review == nil }.map { record in
            let change = record.released.change.map { ", change \($0)" } ?? ""
            return ConsoleNotice(
                tone: "failed",
                text:
                    "Emergency release of \(record.released.release) to \(record.released.environment) by \(ConsoleWords.person(record.by))"
                    + "\(change): \(record.released.reason). Its review is \(record.isOverdue(at: now) ? "OVERDUE since" : "owed until") "
                    + "\(ConsoleWords.moment(record.reviewDueAt)).",
                command: "slipway release review \(record.released.rollout) --conclusion …")
        }
        let warnings = ((try? repository.survey()) ?? []).expiryWarnings(at: now)
            .sorted { $0.expiresAt < $1.expiresAt }
        let ends = warnings.map { warning in
            ConsoleNotice(
                tone: warning.level == .expired ? "failed" : "waiting",
                text: "Metadata of \(warning.role) (until \(ConsoleWords.moment(warning.expiresAt))) \(warning.words)",
                command: nil)
        }
        return owed + state.standingFreezes.map(\.notice) + revokedNotices() + certificateNotices(at: now) + ends
    }
}

/// What the console's home page says before anything else.
struct ConsoleNotice: Sendable, Equatable {
    /// Of the console's tones.
    var tone: String
    var text: String
    /// What ends it.
    var command: String?
}

extension EmergencyRecord {
    var reviewDueAt: UTCInstant { WorkingDays.after(WorkingDays.emergencyReview, at) }

    func isOverdue(at now: UTCInstant) -> Bool { review == nil && reviewDueAt < now }

    func view(at now: UTCInstant) -> EmergencyView {
        EmergencyView(
            rollout: released.rollout, release: released.release, environment: released.environment,
            reason: released.reason, change: released.change, startedAt: at, startedBy: by,
            review: review.map { EmergencyReviewView(at: $0.at, by: $0.by, conclusion: $0.conclusion) },
            dueAt: reviewDueAt, isOverdue: isOverdue(at: now))
    }
}
