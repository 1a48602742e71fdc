import ArgumentParser
import ControllerAPI
import Effects
import Glibc
import ReleaseDefinition
import TestSupport
import Testing

@testable import ControllerLibrary
@testable import slipway

@Suite("The schemas of what commands print")
struct SchemaTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/docs/schemas"

    /// `hosts list` → hosts-list.json
    static func file(_ command: String) -> String { command.replacing(" ", with: "-") + ".json" }

    static func document(_ command: String, _ printed: Printed, program: String = "slipway") throws -> JSONValue {
        let maker = SchemaMaker()
        func schema(_ printed: Printed) throws -> [JSONValue] {
            func one<T: Decodable>(_ type: T.Type) throws -> JSONValue { try maker.read(type).schema }
            switch printed {
            case .one(let type): return [try one(type)]
            case .list(let type): return [SchemaMaker.type("array", JSONMember("items", try one(type)))]
            case .either(let several): return try several.flatMap(schema)
            }
        }
        let choices = try schema(printed)
        let first = choices.first?.objectValue ?? []
        return .object(
            [
                JSONMember("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
                JSONMember("title", .string("\(program) \(command)")),
            ] + (choices.count == 1 ? first : [JSONMember("anyOf", .array(choices))])
                + (maker.definitions.isEmpty
                    ? []
                    : [
                        JSONMember(
                            "$defs", .object(maker.definitions.sorted { $0.key < $1.key }.map { JSONMember($0, $1) }))
                    ]))
    }

    @Test("Every command that prints data has --output or --format with json, and a published schema")
    func tree() throws {
        let dump = try JSONValue(parsing: Array(SlipwayCommand._dumpHelp().utf8), limits: JSONLimits(depthMax: 100))
        guard let root = dump["command"] else { return #expect(Bool(false), "no tree") }
        var leaves: [String: Bool] = [:]
        func walk(_ command: JSONValue, _ path: [String]) {
            let below = (command["subcommands"]?.arrayValue ?? []).filter { $0["commandName"]?.stringValue != "help" }
            guard below.isEmpty else {
                for one in below { walk(one, path + [one["commandName"]?.stringValue ?? ""]) }
                return
            }
            leaves[path.joined(separator: " ")] = (command["arguments"]?.arrayValue ?? []).contains { argument in
                let names = argument["names"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
                let values = argument["allValues"]?.arrayValue?.compactMap(\.stringValue) ?? []
                return (names.contains("output") || names.contains("format")) && values.contains("json")
            }
        }
        walk(root, [])
        #expect(leaves.filter(\.value).keys.sorted() == Printed.all.keys.sorted())
        #expect(leaves.filter { !$0.value }.keys.sorted() == Printed.without.keys.sorted())
    }

    @Test("docs/schemas is what the types say, and nothing beside", arguments: Printed.all.keys.sorted())
    func files(_ command: String) throws {
        let printed = try #require(Printed.all[command])
        let document = try Self.document(command, printed)
        #expect(Self.references(in: document).filter { document["$defs"]?[$0] == nil } == [])
        let bytes = document.prettyBytes
        let directory = try Directory.open(Self.folder)
        if getenv("SLIPWAY_WRITE_SCHEMAS") != nil { try directory.writeDurably(Self.file(command), bytes) }
        let kept = try directory.read(Self.file(command), sizeMax: ByteCount(1 << 20))
        #expect(kept == bytes, "run this test with SLIPWAY_WRITE_SCHEMAS=1 and commit docs/schemas")
    }

    /// The names of all that is referred to.
    private static func references(in value: JSONValue) -> [String] {
        let own = value["$ref"]?.stringValue.map { String($0.split(separator: "/").last ?? "") }
        let below = (value.arrayValue ?? []) + (value.objectValue ?? []).map(\.value)
        return [own].compactMap { $0 } + below.flatMap(references)
    }

    @Test("No schema is of a command that is none")
    func dead() throws {
        let kept = try Directory.open(Self.folder).list().map(\.name).filter { $0.hasSuffix(".json") }
        #expect(kept.sorted() == Printed.all.keys.map(Self.file).sorted())
    }

    @Test("A value that lacks something, has something beside or is of another kind is found out")
    func finds() throws {
        let schema = JSONSchema(try Self.document("version", .one(VersionView.self)))
        func problems(_ text: String) throws -> [String] {
            schema.problems(of: try JSONValue(parsing: Array(text.utf8)))
        }
        #expect(try problems(#"{"version":"1"}"#) == [])
        #expect(try problems("{}") == ["$: no version"])
        #expect(try problems(#"{"version":1}"#) == ["$.version: a integer, expected is a string"])
        #expect(try problems(#"{"version":"1","more":1}"#) == ["$.more: not published"])
    }
}
