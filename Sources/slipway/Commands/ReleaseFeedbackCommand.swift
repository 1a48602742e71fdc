import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseFeedbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feedback", abstract: "Say how a release went; the review sums it up.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "1 (bad) to 5 (good).")
    var score: Int

    @Option(help: "In words.")
    var text: String

    func run() async throws {
        let view = try await connection.withClient {
            try await $0.giveFeedback(release, FeedbackRequest(text: text, score: score))
        }
        try output.print(LifecyclePresentation(lifecycle: view))
    }
}

struct ReleaseKnownErrorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "known-error", abstract: "Record an error that is lived with, and the way around it.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", transform: { try ReleaseName($0) })
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
