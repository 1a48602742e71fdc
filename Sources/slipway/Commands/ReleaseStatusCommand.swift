import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Where a release stands between plan and closed file, and what is missing.",
        discussion: "Without a release: all of them that are not closed.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName?

    func run() async throws {
        try await connection.withClient { client in
            if let release {
                return try output.print(LifecyclePresentation(lifecycle: try await client.lifecycle(release)))
            }
            let views = try await client.lifecycles().filter { $0.stage != .closed }
            try output.print(views.map(LifecyclePresentation.init))
        }
    }
}
