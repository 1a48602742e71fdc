import ArgumentParser
import Effects
import ReleaseDefinition

struct DocsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs",
        abstract: "Read the documents that came with a release: runbook, back-out steps, known errors, release notes.",
        discussion:
            "Of what runs, unless --version names another release that is kept here. Nothing is asked of anybody.")

    @Argument(help: "The product; all where it is left out.")
    var product: String?

    @Argument(help: "A document as the list has it; the list where it is left out.")
    var document: String?

    @Option(help: "Another version than the one that runs.")
    var version: String?

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json, of the list.")
    var output = OutputFormat.table

    func run() throws {
        let documents = try ReleaseDocuments(AgentFolder.open(dir))
        let wanted = try product.map { try ProductName($0) }
        if let wanted, let document {
            return try Output.data(try documents.read(document, of: wanted, version: version))
        }
        let found = try documents.list(wanted, version: version)
        switch output {
        case .json: try Output.data(JSONCoding.value(of: found).prettyBytes)
        case .table:
            let rows =
                [["RELEASE", "DOCUMENT", "SIZE", "HERE"]]
                + found.map { [$0.release.name.description, $0.path, "\($0.length)", $0.isHere ? "yes" : "no"] }
            try Output.data(Array(Output.table(rows).utf8))
        }
    }
}
