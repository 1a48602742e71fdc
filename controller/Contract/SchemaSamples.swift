import AgentProtocol
import ReleaseDefinition

/// Types that cannot be asked for what they hold, because they are one of several or read a text of their own: one value of
/// them, and their schema.
enum SchemaSamples {
    struct Hand {
        var schema: JSONValue
        var sample: JSONValue
    }

    static var all: [String: Hand] {
        [
            "HostOutcome": oneOf(
                [
                    ("failed", value(words(FailureClass.allCases.map(\.rawValue)))),
                    ("backedOut", value(words(FailureClass.allCases.map(\.rawValue)), isRequired: false)),
                    ("skipped", value(text)),
                ]
                    + [
                        "succeeded", "alreadyCurrent", "backOutFailed", "offline", "gone", "silent", "cancelled",
                        "superseded",
                    ].map { ($0, value(nil)) }, sample: "succeeded"),
            "BackupPlan": oneOf([("verified", value(nil)), ("notNeeded", value(text))], sample: "verified"),
            "RolloutStrategy": Hand(
                schema: .object([
                    JSONMember(
                        "anyOf",
                        .array([
                            words(["bigBang"]),
                            object([
                                ("phased", list(object([]))), ("continuous", list(object([]))),
                                ("parallel", object([])),
                            ]),
                        ]))
                ]), sample: .string("bigBang")),
            "PhaseSize": Hand(
                schema: object(["hosts", "percent"].map { ($0, SchemaMaker.type("integer")) }),
                sample: .object([JSONMember("percent", .integer(10))])),
            "HostReportBody": Hand(
                schema: object(["inventory", "progress", "outcome", "health"].map { ($0, value(object([]))) }),
                sample: .object([
                    JSONMember(
                        "progress",
                        .object([
                            JSONMember(
                                "_0",
                                .object([
                                    JSONMember(
                                        "order",
                                        .object([
                                            JSONMember("rollout", .string("r1")),
                                            JSONMember("action", .string("install")),
                                            JSONMember("attempt", .integer(1)),
                                        ])),
                                    JSONMember("release", .string("web@1.0")), JSONMember("step", .string("received")),
                                ]))
                        ]))
                ])),
            "ServiceDefinition": Hand(
                schema: .object([
                    JSONMember(
                        "anyOf",
                        .array([
                            words(["hooks"]),
                            object([
                                ("command", list(text)),
                                (
                                    "systemd",
                                    object([("unit", text), ("update", words(["restart", "reload"]))], ["unit"])
                                ),
                            ]),
                        ]))
                ]), sample: .string("hooks")),
            "HealthProbe": Hand(
                schema: object([
                    ("command", list(text)), ("tcp", text), ("systemd", text),
                    ("http", object([("status", SchemaMaker.type("integer")), ("url", text)], ["status", "url"])),
                    ("file", object([("path", text), ("contains", text), ("youngerThan", text)], ["path"])),
                    (
                        "metric",
                        object(
                            [
                                ("url", text), ("question", object([("series", text), ("query", text)])),
                                ("limit", object([("below", text), ("above", text), ("equals", text)])),
                            ], ["url", "question", "limit"])
                    ),
                ]), sample: .object([JSONMember("tcp", .string("127.0.0.1:80"))])),
        ]
    }

    private static let text = SchemaMaker.type("string")
    private static func list(_ items: JSONValue) -> JSONValue { SchemaMaker.type("array", JSONMember("items", items)) }

    private static func words(_ words: [String]) -> JSONValue {
        SchemaMaker.type("string", JSONMember("enum", .array(words.map { .string($0) })))
    }

    private static func object(_ members: [(String, JSONValue)], _ required: [String] = []) -> JSONValue {
        let properties = JSONMember(
            "properties", .object(members.sorted { $0.0 < $1.0 }.map { JSONMember($0.0, $0.1) }))
        guard !required.isEmpty else { return SchemaMaker.type("object", properties) }
        return SchemaMaker.type(
            "object", properties, JSONMember("required", .array(required.map { .string($0) })))
    }

    /// What stands with a case: nothing, or a value under `_0`, as the compiler writes it.
    private static func value(_ schema: JSONValue?, isRequired: Bool = true) -> JSONValue {
        object(schema.map { [("_0", $0)] } ?? [], schema != nil && isRequired ? ["_0"] : [])
    }

    private static func oneOf(_ cases: [(String, JSONValue)], sample: String) -> Hand {
        Hand(schema: object(cases), sample: .object([JSONMember(sample, .object([]))]))
    }
}
