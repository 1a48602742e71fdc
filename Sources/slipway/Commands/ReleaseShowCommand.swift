import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one release.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let view = try await connection.withClient { try await $0.release(release) }
        try output.print(ReleasePresentation(release: view))
    }
}
