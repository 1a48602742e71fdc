import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct ReleaseDocsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs",
        abstract: "Read the documents of a package: runbook, back-out steps, known errors, training.",
        discussion: "On a host that runs the release, slipway-agent docs reads them without a controller.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Argument(help: "A document as the list has it; the list where it is left out.")
    var document: String?

    func run() async throws {
        guard let document else {
            let found = try await connection.withClient { try await $0.documents(of: release) }
            return try output.print(found.map(DocumentPresentation.init))
        }
        let bytes = try await connection.withClient { try await $0.document(document, of: release) }
        try StandardOutput.write(bytes)
    }
}

struct DocumentPresentation: Presentable {
    var document: ReleaseDocumentView

    static let columns = ["DOCUMENT", "SIZE"]
    var cells: [String] { [document.path, "\(document.length)"] }
    var name: String { document.path }
    func encode(to encoder: any Encoder) throws { try document.encode(to: encoder) }
}
