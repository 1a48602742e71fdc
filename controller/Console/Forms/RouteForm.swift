import ControllerAPI
import Hummingbird
import ReleaseDefinition

/// What makes a row of the route table a form of the console: a browser posts it with its session, and it does what the
/// API's row of the same act does, with its right, its scope, its code and its entry in the log.
struct RouteForm: Sendable {
    /// A field of the form, which is a member of the act's body. One that is empty is none.
    struct Field: Sendable {
        enum Kind: Sendable { case text, words }

        var name: String
        var kind = Kind.text
    }

    static let bodySizeMax = ByteCount(64 << 10)

    /// `/v1/rollouts/{id}/pause`, as the log names it.
    var act: String
    var fields: [Field]
    /// The page with the problem's words on it, for whoever may see it.
    var refused: @Sendable (RouteRequest, Problem) async -> Response

    /// The act's body.
    func body(of form: [UInt8]) -> JSONValue {
        .object(
            fields.compactMap { field in
                let text = ConsoleForm.text(field.name, of: form) ?? ""
                let words = text.split(whereSeparator: { $0.isWhitespace || $0 == "," }).map(String.init)
                guard !words.isEmpty else { return nil }
                switch field.kind {
                case .text: return JSONMember(field.name, .string(text))
                case .words: return JSONMember(field.name, .array(words.map { .string($0) }))
                }
            })
    }
}

extension Admission {
    /// Whose form it is: of the session, and nothing else.
    /// - Throws: `controller.access.noSession` (401).
    func person(posting request: Request) async throws -> PersonRecord {
        guard let cookie = request.headers[.cookie],
            let credential = controller.sessions.credential(cookieHeader: cookie),
            let person = try await controller.person(of: credential)
        else {
            throw ControllerError.unauthorized(
                "noSession", "Nothing was done: nobody has signed in here, or the session has ended.",
                remedy: "Sign in, and do it again.")
        }
        return person
    }

    /// The request of the API that the form stands for.
    /// - Throws: `controller.access.formProof` (403).
    func translated(_ request: RouteRequest, _ route: Route) async throws -> RouteRequest {
        guard let form = route.form else { return request }
        let bytes = try await request.body()
        guard case .person(let person) = request.caller else { throw ControllerError.notFound("form") }
        try await noting(request.request, route, request.parameters, person) {
            try ConsoleForm.requireProof(bytes, request.header("Cookie") ?? "", controller.sessions)
        }
        let body = form.body(of: bytes)
        let page = ConsoleForm.field(ConsoleForm.pageField, of: bytes) ?? ""
        // Whoever goes back to a page and writes something else means something else.
        let once = SHA256Digest(of: Array("\(page) \(request.request.uri.path) ".utf8) + body.wireBytes)
        return request.standing(for: body, once: page.isEmpty ? nil : once)
    }
}
