import AgentProtocol
import ControllerAPI
import Hummingbird

/// What `type` of a problem leads to: the words of `slipway explain`, as text, or as a page where a browser asks.
enum ProblemPage {
    /// - Throws: 404 for what is no code.
    static func respond(to request: RouteRequest) throws -> Response {
        let code = request.parameters["code"] ?? ""
        guard let found = ErrorCatalogue.explanation(of: code) else {
            throw ControllerError.notFound(
                "code \(code.bounded(200).debugDescription)", remedy: "docs/errors.md has every code.")
        }
        var response =
            if AcceptedMedia(request.header("Accept")).prefers("text/html", to: "text/plain") {
                ConsoleResponses.html(Array(page(found).utf8))
            } else {
                Responses.text("\(found.code)\n\n\(found.meaning)\n\nWhat to do: \(found.remedy)\n")
            }
        response.headers[.vary] = "Accept"
        return response
    }

    private static func page(_ found: ErrorExplanation) -> String {
        let (code, meaning, remedy) = (escaped(found.code), escaped(found.meaning), escaped(found.remedy))
        return """
            <!doctype html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>\(code)</title></head>
            <body><main><h1>\(code)</h1><p>\(meaning)</p><p>What to do: \(remedy)</p></main></body>
            </html>

            """
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
