import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseFeedbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feedback", abstract: "Say how a release went; the review sums it up.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "1 (bad) to 5 (good).")
    var score: Int?

    @Option(help: "In words.")
    var text: String?

    @Flag(help: "Print a link by which people without an account answer; it is signed, and ends.")
    var link = false

    @Option(name: .customLong("for"), help: "How long the link holds.", transform: { try TimeSpan($0) })
    var lifetime: TimeSpan?

    @Option(help: "How many answers the link takes.")
    var uses: Int?

    func validate() throws {
        if link {
            guard score == nil, text == nil else { throw ValidationError("--link takes no --score and no --text.") }
        } else if score == nil || text == nil || lifetime != nil || uses != nil {
            throw ValidationError("Give --score and --text, or --link with --for and --uses.")
        }
    }

    func run() async throws {
        guard let score, let text else {
            let request = FeedbackLinkRequest(lifetime: lifetime ?? .days(14), uses: uses ?? 100)
            let view = try await connection.withClient { try await $0.feedbackLink(release, request) }
            return try output.print(FeedbackLinkPresentation(link: view))
        }
        let view = try await connection.withClient {
            try await $0.giveFeedback(release, FeedbackRequest(text: text, score: score))
        }
        try output.print(LifecyclePresentation(lifecycle: view))
    }
}

struct FeedbackLinkPresentation: Presentable {
    var link: FeedbackLinkView

    static let columns = ["LINK", "ENDS", "ANSWERS"]
    var cells: [String] { [link.url, link.expiresAt.description, String(link.uses)] }
    var name: String { link.url }
    func encode(to encoder: any Encoder) throws { try link.encode(to: encoder) }
}

struct ReleaseKnownErrorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "known-error", abstract: "Record an error that is lived with, and the way around it.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "What is wrong.")
    var text: String

    @Option(help: "What helps until it is mended.")
    var workaround: String

    func run() async throws {
        let view = try await connection.withClient {
            try await $0.addKnownError(release, KnownErrorRequest(text: text, workaround: workaround))
        }
        try output.print(LifecyclePresentation(lifecycle: view))
    }
}
