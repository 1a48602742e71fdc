import Hummingbird
import ReleaseDefinition

/// The contract of `/v1` as OpenAPI 3.1, made from the route table. JSON is YAML 1.2, so one text is both.
struct OpenAPIDocument: Sendable {
    /// Refusals, by RFC 9457; what each means is in `code`.
    private static let problems: [(Int, String)] = [
        (400, "The request cannot be understood."), (401, "No credential, or a wrong one."),
        (403, "The caller may not do this."), (404, "There is no such thing."), (409, "Something is in the way."),
        (413, "The body is too large."), (422, "What the body says is not possible."),
        (423, "Not now: outside of a window, frozen, or not approved."), (428, "A plan must be looked at first."),
        (429, "Too often: see Retry-After."), (500, "The controller failed; its log has the details."),
        (503, "The controller cannot reach its record now: see Retry-After."),
    ]

    let json: JSONValue

    /// - Parameter routes: console pages are no part of the contract.
    init(_ routes: [Route]) {
        var paths: [(String, [JSONMember])] = []
        for route in routes {
            guard let operation = APIOperation.all[Self.key(route)] else { continue }
            let path = route.path.replacingDoubleStar
            let member = JSONMember(route.method.rawValue.lowercased(), Self.operation(route, operation))
            if let position = paths.firstIndex(where: { $0.0 == path }) {
                paths[position].1.append(member)
            } else {
                paths.append((path, [member]))
            }
        }
        json = .object([
            JSONMember("openapi", .string("3.1.0")),
            JSONMember(
                "info",
                .object([
                    JSONMember("title", .string("Slipway")), JSONMember("version", .string(SlipwayVersion.text)),
                    JSONMember(
                        "description",
                        .string(
                            """
                            Additive within /v1. Errors are application/problem+json (RFC 9457) with a permanent code. POST takes \
                            Idempotency-Key: the same key and body again is answered alike for a day and done once. GET takes \
                            If-None-Match. Streams go on after Last-Event-ID.
                            """
                        )),
                ])),
            JSONMember(
                "paths",
                .object(paths.sorted { $0.0 < $1.0 }.map { JSONMember($0.0, .object($0.1)) })),
            JSONMember("components", Self.components),
        ])
    }

    static func key(_ route: Route) -> String { "\(route.method.rawValue) \(route.path)" }

    private static func operation(_ route: Route, _ operation: APIOperation) -> JSONValue {
        let names = route.path.split(separator: "/").compactMap { part -> String? in
            if part == "**" { return "path" }
            return part.hasPrefix("{") ? String(part.dropFirst().dropLast()) : nil
        }
        func parameter(_ name: String, _ place: String) -> JSONValue {
            .object([
                JSONMember("name", .string(name)), JSONMember("in", .string(place)),
                JSONMember("required", .bool(place == "path")),
                JSONMember("schema", .object([JSONMember("type", .string("string"))])),
            ])
        }
        let parameters = names.map { parameter($0, "path") } + operation.query.map { parameter($0, "query") }
        var members = [
            JSONMember("operationId", .string(operationID(route))), JSONMember("summary", .string(operation.summary)),
            JSONMember("security", security(route)),
        ]
        if !parameters.isEmpty { members.append(JSONMember("parameters", .array(parameters))) }
        if let body = body(operation.body) { members.append(JSONMember("requestBody", body)) }
        members.append(JSONMember("responses", responses(operation, isRead: route.method == .get)))
        return .object(members)
    }

    /// `postRolloutsIdPause`
    private static func operationID(_ route: Route) -> String {
        let words = route.path.split { !$0.isLetter && !$0.isNumber }.drop { $0 == "v1" }
        return words.reduce(route.method.rawValue.lowercased()) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    private static func security(_ route: Route) -> JSONValue {
        switch route.access {
        case .person(let permission):
            .array([.object([JSONMember("token", .array([.string(permission.rawValue)]))])])
        case .host: .array([.object([JSONMember("certificate", .array([]))])])
        case .anyone, nil: .array([])
        }
    }

    private static func content(_ type: String, _ schema: [JSONMember]) -> JSONValue {
        .object([JSONMember(type, .object([JSONMember("schema", .object(schema))]))])
    }

    private static func body(_ body: APIOperation.Body) -> JSONValue? {
        let object = JSONMember("type", .string("object"))
        let content: JSONValue
        switch body {
        case .none: return nil
        case .json(let name): content = Self.content("application/json", [JSONMember("title", .string(name)), object])
        case .upload:
            content = .object(
                ["application/x-tar", "application/vnd.slipway.package"].map {
                    JSONMember($0, .object([JSONMember("schema", .object([]))]))
                })
        }
        return .object([JSONMember("required", .bool(true)), JSONMember("content", content)])
    }

    private static func responses(_ operation: APIOperation, isRead: Bool) -> JSONValue {
        let words = [200: "Done.", 201: "Made.", 206: "A part.", 304: "Not changed.", 416: "No such part."]
        let known = isRead && operation.answer == .json ? [304] : []
        var members = (operation.status + known).map { status in
            var members = [JSONMember("description", .string(words[status] ?? "Not now."))]
            if status != 304, status != 416 {
                members.append(JSONMember("content", content(operation.answer.rawValue, [])))
            }
            return (status, JSONValue.object(members))
        }
        for (status, _) in problems where !operation.status.contains(status) {
            let reference = JSONMember("$ref", .string("#/components/responses/\(status)"))
            members.append((status, .object([reference])))
        }
        return .object(members.sorted { $0.0 < $1.0 }.map { JSONMember("\($0.0)", $0.1) })
    }

    private static var components: JSONValue {
        func scheme(_ members: [(String, String)]) -> JSONValue {
            .object(members.map { JSONMember($0.0, .string($0.1)) })
        }
        let texts = ["type", "title", "detail", "code", "remedy", "cause", "request"]
        let text = JSONValue.object([JSONMember("type", .string("string"))])
        let problem = JSONValue.object([
            JSONMember("type", .string("object")),
            JSONMember("required", .array(["status", "title", "detail", "code", "remedy"].map { .string($0) })),
            JSONMember(
                "properties",
                .object(
                    texts.map { JSONMember($0, text) } + [
                        JSONMember("status", .object([JSONMember("type", .string("integer"))]))
                    ])),
        ])
        let reference = [JSONMember("$ref", .string("#/components/schemas/Problem"))]
        let answers = problems.map { status, words in
            JSONMember(
                "\(status)",
                .object([
                    JSONMember("description", .string(words)),
                    JSONMember("content", content("application/problem+json", reference)),
                ]))
        }
        return .object([
            JSONMember("schemas", .object([JSONMember("Problem", problem)])),
            JSONMember("responses", .object(answers)),
            JSONMember(
                "securitySchemes",
                .object([
                    JSONMember(
                        "token",
                        scheme([
                            ("type", "http"), ("scheme", "bearer"),
                            (
                                "description",
                                "A token of this controller, or an ID token (JWT) of an issuer that it believes: /v1/sign-in."
                            ),
                        ])),
                    JSONMember("certificate", scheme([("type", "mutualTLS")])),
                ])),
        ])
    }
}

extension String {
    fileprivate var replacingDoubleStar: String { hasSuffix("/**") ? dropLast(2) + "{path}" : self }
}
