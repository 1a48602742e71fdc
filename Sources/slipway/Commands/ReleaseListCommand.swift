import ArgumentParser
import ControllerAPI

struct ReleaseListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List releases, the newest last.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let releases = try await connection.withClient { try await $0.releases() }
        try output.print(releases.sorted { $0.submittedAt < $1.submittedAt }.map(ReleasePresentation.init))
    }
}
