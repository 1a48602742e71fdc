import ControllerAPI
import Hummingbird
import ReleaseDefinition

/// The contract of `/v1` as OpenAPI 3.1, made from the route table. JSON is YAML 1.2, so one text is both.
struct OpenAPIDocument: Sendable {
    /// Refusals, by RFC 9457; what each means is in `code`.
    private static let problems: [(Int, String)] = [
        (400, "The request cannot be understood."), (401, "No credential, or a wrong one."),
        (403, "The caller may not do this."), (404, "There is no such thing."), (409, "Something is in the way."),
        (412, "It was changed since the ETag in If-Match was given."), (413, "The body is too large."),
        (415, "The body is of another type than is taken here."), (422, "What the body says is not possible."),
        (423, "Not now: outside of a window, frozen, or not approved."), (428, "A plan must be looked at first."),
        (429, "Too often: see Retry-After."), (500, "The controller failed; its log has the details."),
        (503, "The controller cannot reach its record now: see Retry-After."),
        (507, "The controller has no space for the release."),
    ]

    let json: JSONValue
    /// Types whose schema could not be found: a test holds that there is none.
    let unknown: [String]

    /// - Parameter routes: console pages are no part of the contract.
    init(_ routes: [Route]) {
        var paths: [(String, [JSONMember])] = []
        let schemas = APISchemas()
        for route in routes {
            guard let operation = APIOperation.all[Self.key(route)] else { continue }
            let path = route.path.replacingDoubleStar
            let member = JSONMember(route.method.rawValue.lowercased(), Self.operation(route, operation, schemas))
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
                            Idempotency-Key: the same key and body again is answered alike for a day and done once, of each \
                            person's newest 1000 requests and 32 MiB of answers. GET takes If-None-Match; what changes a thing \
                            takes If-Match with the ETag that its GET shows, a host's is weak and does not move with its last \
                            contact; elsewhere If-Match is refused. Lists take limit and after; without a limit they are whole. Where there are more, Link has the next page, and next the opaque cursor that \
                            after takes. Streams go on after Last-Event-ID.
                            """
                        )),
                ])),
            JSONMember(
                "paths",
                .object(paths.sorted { $0.0 < $1.0 }.map { JSONMember($0.0, .object($0.1)) })),
            JSONMember("components", Self.components(schemas)),
        ])
        unknown = schemas.unknown
    }

    static func key(_ route: Route) -> String { "\(route.method.rawValue) \(route.path)" }

    private static func operation(_ route: Route, _ operation: APIOperation, _ schemas: APISchemas) -> JSONValue {
        let names = route.path.split(separator: "/").compactMap { part -> String? in
            if part == "**" { return "path" }
            return part.hasPrefix("{") ? String(part.dropFirst().dropLast()) : nil
        }
        func parameter(_ name: String, _ place: String, isRequired: Bool, _ schema: JSONValue) -> JSONValue {
            .object([
                JSONMember("name", .string(name)), JSONMember("in", .string(place)),
                JSONMember("required", .bool(isRequired)), JSONMember("schema", schema),
            ])
        }
        var parameters = names.map { parameter($0, "path", isRequired: true, SchemaMaker.type("string")) }
        parameters += operation.query.map {
            parameter($0.name, "query", isRequired: $0.isRequired, schema(of: $0.kind))
        }
        if ChangedThings.path(changedBy: route) != nil {
            parameters.append(parameter("If-Match", "header", isRequired: false, SchemaMaker.type("string")))
        }
        var members = [
            JSONMember("operationId", .string(operationID(route))), JSONMember("summary", .string(operation.summary)),
            JSONMember("security", security(route)),
        ]
        if !parameters.isEmpty { members.append(JSONMember("parameters", .array(parameters))) }
        if let body = body(operation.body, schemas) { members.append(JSONMember("requestBody", body)) }
        members.append(JSONMember("responses", responses(operation, isRead: route.method == .get, schemas)))
        return .object(members)
    }

    private static func schema(of kind: APIOperation.Query.Kind) -> JSONValue {
        switch kind {
        case .text: SchemaMaker.type("string")
        case .moment: SchemaMaker.type("string", JSONMember("format", .string("date-time")))
        case .number(let range):
            SchemaMaker.type(
                "integer", JSONMember("minimum", .integer(range.lowerBound)),
                JSONMember("maximum", .integer(range.upperBound)))
        }
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

    private static func content(_ type: String, _ schema: JSONValue) -> JSONValue {
        .object([JSONMember(type, .object([JSONMember("schema", schema)]))])
    }

    private static func body(_ body: APIOperation.Body, _ schemas: APISchemas) -> JSONValue? {
        let content: JSONValue
        switch body {
        case .none: return nil
        case .json(let type): content = Self.content("application/json", schemas.schema(of: type))
        case .upload:
            content = .object(
                ReleaseSubmissionType.allCases.map {
                    JSONMember($0.rawValue, .object([JSONMember("schema", .object([]))]))
                })
        }
        return .object([JSONMember("required", .bool(true)), JSONMember("content", content)])
    }

    private static func responses(_ operation: APIOperation, isRead: Bool, _ schemas: APISchemas) -> JSONValue {
        let words = [200: "Done.", 201: "Made.", 206: "A part.", 304: "Not changed.", 416: "No such part."]
        let schema: JSONValue
        var isTagged = false
        switch operation.answer {
        case .json(let type):
            (schema, isTagged) = (schemas.schema(of: type), true)
        case .list(let type):
            (schema, isTagged) = (schemas.list(of: type), true)
        default: schema = .object([])
        }
        let known = isRead && isTagged ? [304] : []
        var members = (operation.status + known).map { status in
            var members = [JSONMember("description", .string(words[status] ?? "Not now."))]
            if isTagged, status == 200 {
                members.append(headers(operation.isPaged ? [tagHeader, nextHeader] : [tagHeader]))
            }
            if status != 304, status != 416 {
                let forms = operation.answer.mediaTypes.map {
                    JSONMember($0, .object([JSONMember("schema", schema)]))
                }
                members.append(JSONMember("content", .object(forms)))
            }
            return (status, JSONValue.object(members))
        }
        var isUpload = false
        if case .upload = operation.body { isUpload = true }
        for (status, _) in problems where !operation.status.contains(status) && (status != 507 || isUpload) {
            let reference = JSONMember("$ref", .string("#/components/responses/\(status)"))
            members.append((status, .object([reference])))
        }
        return .object(members.sorted { $0.0 < $1.0 }.map { JSONMember("\($0.0)", $0.1) })
    }

    private typealias Header = (name: String, words: String, isRequired: Bool)
    private static let tagHeader = ("ETag", "The digest of the answer.", true)
    private static let nextHeader = ("Link", "Where there are more: the address of the next page, rel=\"next\".", false)

    private static func headers(_ headers: [Header]) -> JSONMember {
        JSONMember(
            "headers",
            .object(
                headers.map {
                    JSONMember(
                        $0.name,
                        .object([
                            JSONMember("description", .string($0.words)), JSONMember("required", .bool($0.isRequired)),
                            JSONMember("schema", SchemaMaker.type("string")),
                        ]))
                }))
    }

    /// What comes with a refusal beside the problem.
    private static let refusalHeaders: [Int: [Header]] = [
        401: [("WWW-Authenticate", "Bearer", true)], 429: [("Retry-After", "Seconds.", true)],
    ]

    private static func components(_ schemas: APISchemas) -> JSONValue {
        func scheme(_ members: [(String, String)]) -> JSONValue {
            .object(members.map { JSONMember($0.0, .string($0.1)) })
        }
        let problem = schemas.schema(of: Problem.self)
        let answers = problems.map { status, words in
            JSONMember(
                "\(status)",
                .object(
                    [JSONMember("description", .string(words))] + (refusalHeaders[status].map { [headers($0)] } ?? [])
                        + [JSONMember("content", content(Problem.mediaType, problem))]))
        }
        return .object([
            JSONMember("schemas", schemas.json),
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
