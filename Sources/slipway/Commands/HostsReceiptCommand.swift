import AgentProtocol
import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsReceiptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receipt", abstract: "What hosts without a network did.",
        subcommands: [HostsReceiptImportCommand.self])
}

struct HostsReceiptImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Record what slipway-agent install did, from its signed receipt.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The file that slipway-agent install wrote.")
    var file: String

    func run() async throws {
        let receipt: HostReceiptFile
        do {
            receipt = try JSONCoding.decode(
                HostReceiptFile.self, from: try InputFile.read(file, sizeMax: ByteCount(16 << 20)))
        } catch let error as DefinitionError {
            throw CommandError(
                code: "receipt.form", summary: "\(file) is no receipt.",
                remedy: "Give the file that slipway-agent install FILE.slip --receipt RECEIPT wrote.",
                cause: error.summary)
        }
        let view = try await connection.withClient { try await $0.importReceipt(receipt) }
        Talk.say(
            "\(view.host) reports \(view.release): \(view.outcome). RUNNING is what it reports now; WANTED is what a "
                + "rollout asks of it and stays as it is, because a package carried by hand is no rollout.")
        try output.print(ReceiptPresentation(receipt: view))
    }
}

private struct ReceiptPresentation: Presentable {
    var receipt: ReceiptView

    static let columns = ["HOST", "RELEASE", "OUTCOME", "NEW REPORTS"]
    var cells: [String] {
        [receipt.host.text, receipt.release.description, receipt.outcome, String(receipt.reports)]
    }
    var name: String { receipt.host.text }
    func encode(to encoder: any Encoder) throws { try receipt.encode(to: encoder) }
}
