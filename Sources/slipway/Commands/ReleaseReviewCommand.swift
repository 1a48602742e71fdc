import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseReviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "review",
        abstract: "Look back at a release or an emergency: what happened, what was found, which reviews are owed.",
        discussion: """
            PRODUCT@VERSION shows the review of a release, filled from what happened; with --conclusion it is held. Each \
            emergency push opens a review of its own, named by its rollout and due within three working days. Without a \
            name: those that are owed. In the profile regulated somebody else than who pushed records the review.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION, or an emergency's rollout.", transform: ReviewSubject.init)
    var subject: ReviewSubject?

    @Option(help: "What was found: recorded for good, and the review is owed no more.")
    var conclusion: String?

    @Option(name: .customLong("lesson"), help: "What was learnt from a release; may be given again.")
    var lessons: [String] = []

    @Flag(help: "Also those that were reviewed.")
    var all = false

    func validate() throws {
        if conclusion != nil, subject == nil {
            throw ValidationError("Say what was reviewed: a release, or a rollout.")
        }
        if !lessons.isEmpty, conclusion == nil { throw ValidationError("--lesson goes with --conclusion.") }
    }

    func run() async throws {
        try await connection.withClient { client in
            switch subject {
            case .release(let release): try await review(release, client)
            case .rollout(let rollout): try await review(rollout, client)
            case nil:
                let views = try await client.emergencies()
                try output.print(views.filter { all || $0.review == nil }.map(EmergencyPresentation.init))
            }
        }
    }

    private func review(_ release: ReleaseName, _ client: ControllerClient) async throws {
        if let conclusion {
            let view = try await client.review(
                release, ReleaseReviewRequest(conclusion: conclusion, lessons: lessons))
            Talk.say("The review of \(release) is held.")
            return try output.print(LifecyclePresentation(lifecycle: view))
        }
        try output.print(ReviewPresentation(review: try await client.reviewFields(release)))
    }

    private func review(_ rollout: RolloutID, _ client: ControllerClient) async throws {
        if let conclusion {
            let view = try await client.review(rollout, EmergencyReviewRequest(conclusion: conclusion))
            Talk.say("The review of \(view.rollout) is recorded.")
            return try output.print(EmergencyPresentation(emergency: view))
        }
        guard let view = try await client.emergencies().first(where: { $0.rollout == rollout }) else {
            throw CommandError(
                code: "review.absent", summary: "\(rollout) was no emergency.",
                remedy: "slipway release review --all lists them.")
        }
        try output.print(EmergencyPresentation(emergency: view))
    }
}

/// What is looked back at.
enum ReviewSubject {
    case release(ReleaseName)
    case rollout(RolloutID)

    init(_ text: String) throws {
        self = text.contains("@") ? .release(try ReleaseName(text)) : .rollout(try RolloutID(text))
    }
}

private struct EmergencyPresentation: Presentable {
    var emergency: EmergencyView

    static let columns = ["ROLLOUT", "RELEASE", "ENVIRONMENT", "AT", "BY", "CHANGE", "REVIEW", "REASON"]
    var cells: [String] {
        [
            emergency.rollout.text, emergency.release.description, emergency.environment.text,
            emergency.startedAt.wholeSeconds.description, emergency.startedBy, emergency.change ?? "-",
            emergency.review.map { "\($0.at.wholeSeconds) by \($0.by): \($0.conclusion)" } ?? owed, emergency.reason,
        ]
    }
    var name: String { emergency.rollout.text }
    private var owed: String {
        guard let dueAt = emergency.dueAt else { return "OWED" }
        return emergency.isOverdue == true ? "OVERDUE since \(dueAt.wholeSeconds)" : "OWED until \(dueAt.wholeSeconds)"
    }
    func encode(to encoder: any Encoder) throws { try emergency.encode(to: encoder) }
}
