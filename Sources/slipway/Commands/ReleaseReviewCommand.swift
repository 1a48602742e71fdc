import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseReviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "review",
        abstract: "Look back at an emergency release: which reviews are owed, and what was found.",
        discussion: """
            Each emergency push opens one. Without an id: those that are owed. In the profile regulated somebody else \
            than who pushed records the review.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The emergency's rollout.", transform: { try RolloutID($0) })
    var rollout: RolloutID?

    @Option(help: "What was found: recorded for good, and the review is owed no more.")
    var conclusion: String?

    @Flag(help: "Also those that were reviewed.")
    var all = false

    func validate() throws {
        if conclusion != nil, rollout == nil { throw ValidationError("Say which emergency was reviewed: its rollout.") }
    }

    func run() async throws {
        try await connection.withClient { client in
            if let rollout, let conclusion {
                let view = try await client.review(rollout, EmergencyReviewRequest(conclusion: conclusion))
                Talk.say("The review of \(view.rollout) is recorded.")
                return try output.print(EmergencyPresentation(emergency: view))
            }
            let views = try await client.emergencies()
            if let rollout {
                guard let view = views.first(where: { $0.rollout == rollout }) else {
                    throw CommandError(
                        code: "review.absent", summary: "\(rollout) was no emergency.",
                        remedy: "slipway release review --all lists them.")
                }
                return try output.print(EmergencyPresentation(emergency: view))
            }
            try output.print(views.filter { all || $0.review == nil }.map(EmergencyPresentation.init))
        }
    }
}

private struct EmergencyPresentation: Presentable {
    var emergency: EmergencyView

    static let columns = ["ROLLOUT", "RELEASE", "ENVIRONMENT", "AT", "BY", "CHANGE", "REVIEW", "REASON"]
    var cells: [String] {
        [
            emergency.rollout.text, emergency.release.description, emergency.environment.text,
            emergency.startedAt.wholeSeconds.description, emergency.startedBy, emergency.change ?? "-",
            emergency.review.map { "\($0.at.wholeSeconds) by \($0.by): \($0.conclusion)" } ?? "OWED", emergency.reason,
        ]
    }
    var name: String { emergency.rollout.text }
    func encode(to encoder: any Encoder) throws { try emergency.encode(to: encoder) }
}
