import ArgumentParser
import ControllerAPI
import DefinitionFiles

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say what an error's code means, why it is an error, and what to do.",
        discussion: """
            Works without a controller. The beginning of a code, as trust or controller.access, lists the codes that begin \
            so; without CODE all of them are listed. docs/errors.md has the same words.
            """)

    @OptionGroup var output: OutputOptions

    @Argument(
        help: "The code, as it stands after \"error:\".",
        completion: .custom { _, _, _ in
            ErrorCatalogue.all.map(\.code)
        })
    var code: String?

    func run() async throws {
        guard let code else { return try output.print(ErrorCatalogue.all.map(ErrorPresentation.init)) }
        if let explanation = ErrorCatalogue.explanation(of: code) {
            return try output.print(ErrorPresentation(explanation: explanation))
        }
        let family = ErrorCatalogue.explanations(in: code)
        guard !family.isEmpty else { throw Self.unknown(code) }
        try output.print(family.map(ErrorPresentation.init))
    }

    static func unknown(_ code: String) -> CommandError {
        let meant = nearest(to: ErrorCatalogue.code(in: code), of: ErrorCatalogue.all.map(\.code))
        return CommandError(
            code: "explain.unknown", summary: "No error has the code \(code.debugDescription).",
            remedy: (meant.map { "Did you mean \($0)? " } ?? "") + "All codes: slipway explain")
    }
}

private struct ErrorPresentation: Presentable {
    var explanation: ErrorExplanation

    static let columns = ["CODE", "MEANS"]
    var cells: [String] { [explanation.code, explanation.meaning] }
    var name: String { explanation.code }
    var details: String {
        "\(explanation.code)\n\n\(explanation.meaning)\n\nWhat to do: \(explanation.remedy)\n"
    }
    func encode(to encoder: any Encoder) throws { try explanation.encode(to: encoder) }
}
