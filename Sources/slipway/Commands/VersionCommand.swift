import ArgumentParser
import ReleaseDefinition

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @OptionGroup var output: OutputOptions

    func run() async throws { try output.print(VersionView(version: SlipwayVersion.text)) }
}

struct VersionView: Presentable, Decodable {
    var version: String

    static let columns = ["VERSION"]
    var cells: [String] { [version] }
    var name: String { version }
    var details: String { "slipway \(version)\n" }
}
