import AgentProtocol
import ControllerAPI
import DefinitionFiles
import ReleaseDefinition

/// All that is wrong with a body whose reading ended at the first fault: what its schema lacks and finds of another kind.
struct BodyFaults {
    static let faultsMax = 100

    private let definitions: JSONValue
    private(set) var found: [Problem.Fault] = []

    /// - Parameter first: what its reading ended with.
    static func all<Value: Decodable>(
        _ bytes: [UInt8], as type: Value.Type, first: DefinitionError
    ) -> [Problem.Fault] {
        guard let value = try? JSONValue(parsing: bytes) else { return [] }
        let schemas = APISchemas()
        let schema = schemas.schema(of: type)
        var faults = BodyFaults(definitions: schemas.json)
        faults.check(value, schema, at: JSONPointer())
        // A value that has the right kind and not the right form is known to its reader alone.
        if let pointer = first.pointer, !faults.found.contains(where: { $0.pointer?.hasPrefix(pointer.text) == true }) {
            faults.add(first.summary, at: pointer)
        }
        return faults.found
    }

    private init(definitions: JSONValue) { self.definitions = definitions }

    private mutating func add(_ detail: String, at pointer: JSONPointer) {
        guard found.count < Self.faultsMax else { return }
        found.append(Problem.Fault(detail: detail, pointer: pointer.text))
    }

    private mutating func check(_ value: JSONValue, _ schema: JSONValue, at pointer: JSONPointer) {
        guard found.count < Self.faultsMax else { return }
        if let choices = schema["anyOf"]?.arrayValue {
            // What may be missing may be null; of two objects the reader says which it takes.
            if case .null = value, choices.contains(where: { $0["type"]?.stringValue == "null" }) { return }
            let others = choices.filter { $0["type"]?.stringValue != "null" }
            if others.count == 1 { check(value, others[0], at: pointer) }
            return
        }
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last {
            if let definition = definitions[String(name)] { check(value, definition, at: pointer) }
            return
        }
        guard let type = schema["type"]?.stringValue else { return }
        guard Self.fits(value, type) else {
            return add("found \(value.kind), expected \(Self.words(type))", at: pointer)
        }
        if let words = schema["enum"]?.arrayValue?.compactMap(\.stringValue), let word = value.stringValue,
            !words.contains(word)
        {
            let found = word.bounded(80).debugDescription
            add("found \(found), expected one of \(words.joined(separator: ", "))", at: pointer)
        }
        for name in schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [] where value[name] == nil {
            add("the member \(name.debugDescription) is missing", at: pointer.appending(name))
        }
        for member in schema["properties"]?.objectValue ?? [] {
            if let inner = value[member.name] { check(inner, member.value, at: pointer.appending(member.name)) }
        }
        if let items = schema["items"] {
            for (position, item) in (value.arrayValue ?? []).enumerated() {
                check(item, items, at: pointer.appending("\(position)"))
            }
        }
        if let each = schema["additionalProperties"] {
            for member in value.objectValue ?? [] { check(member.value, each, at: pointer.appending(member.name)) }
        }
    }

    private static func fits(_ value: JSONValue, _ type: String) -> Bool {
        switch type {
        case "string": value.stringValue != nil
        case "integer": value.integerValue != nil
        case "boolean": value.boolValue != nil
        case "array": value.arrayValue != nil
        case "object": value.objectValue != nil
        default: true
        }
    }

    private static func words(_ type: String) -> String {
        "\(["array", "integer", "object"].contains(type) ? "an" : "a") \(type)"
    }
}

extension DefinitionProblems {
    /// Where requests carry a file.
    static let text = JSONPointer().appending("text")

    /// Of a file that came in the body's member `text`.
    static func inText<Value>(_ read: () throws -> Value) throws -> Value {
        do { return try read() } catch var problems as DefinitionProblems {
            problems.pointer = text
            throw problems
        }
    }

    var faults: [Problem.Fault] {
        problems.prefix(BodyFaults.faultsMax).map {
            Problem.Fault(
                detail: $0.description, pointer: pointer?.text, code: $0.code, line: $0.line > 0 ? $0.line : nil)
        }
    }
}
