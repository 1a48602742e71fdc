import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseRetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention", abstract: "Which packages are kept and why, and which are removed next.",
        discussion: "Removes nothing. The rules stand in controller.json, as {\"keep\": 10, \"age\": \"90d\"}.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let view = try await connection.withClient { try await $0.retention() }
        Talk.say(view.words)
        try output.print(view.packages.map(RetainedPackagePresentation.init))
    }
}

struct RetainedPackagePresentation: Presentable {
    var package: RetainedPackage

    static let columns = ["RELEASE", "STATE", "SIZE", "WHY"]
    var cells: [String] {
        [
            package.release.description, package.state.rawValue, package.size?.description ?? "-",
            package.reason ?? "-",
        ]
    }
    var name: String { package.release.description }
    func encode(to encoder: any Encoder) throws { try package.encode(to: encoder) }
}
