import ReleaseDefinition

/// Finds the JSON Schema of a type by having it decode itself from nothing: what it asks for is what it holds. Values that
/// are checked when they are read are tried with one sample after the other.
final class SchemaMaker {
    struct Unknown: Error, CustomStringConvertible { var description: String }

    /// By name; what docs/schemas has under `$defs` and docs/openapi.json under `components/schemas`.
    private(set) var definitions: [String: JSONValue] = [:]
    /// Where they stand in the document.
    private let place: String
    private var found: [String: (schema: JSONValue, value: Any)] = [:]
    private var open: Set<String> = []

    static let texts = [
        "a1", "1.0", "web@1.0", "2026-11-20T09:12:00Z", String(repeating: "a", count: 64), "30s", "a=b", "amd64", "*",
        "https://a.example", "0644", ">=1.0", "N.N.N", "Mon..Fri 22:00", "a/b", "0.5", "r1-install-1", "r1.install.1",
    ]

    /// Whether what may be missing may also be null, as it may in a request.
    let takesNull: Bool

    init(place: String = "#/$defs/", takesNull: Bool = false) { (self.place, self.takesNull) = (place, takesNull) }

    func read<T: Decodable>(_ type: T.Type) throws -> (schema: JSONValue, value: T) {
        let found = try readAny(type)
        guard let value = found.value as? T else { throw Unknown(description: "\(type) has no sample") }
        return (found.schema, value)
    }

    private func readAny<T: Decodable>(_ type: T.Type) throws -> (schema: JSONValue, value: Any) {
        if let simple = Self.simple[ObjectIdentifier(type)] { return simple }
        if let made = type as? any SchemaContainer.Type { return try made.read(self) }
        if let hand = SchemaSamples.all[Self.name(type)] {
            return (published(hand.schema, Self.name(type)), try JSONCoding.decode(type, from: hand.sample))
        }
        if let words = Self.words(type) {
            let schema = JSONValue.object([
                JSONMember("type", .string("string")), JSONMember("enum", .array(words.map { .string($0.0) })),
            ])
            guard let first = words.first else { throw Unknown(description: "\(type) has no cases") }
            return (define(type, schema), first.1)
        }
        let name = Self.name(type)
        if let found = found[name] { return found }
        guard open.insert(name).inserted else {
            throw Unknown(description: "\(name) holds itself: give a sample by hand")
        }
        defer { open.remove(name) }
        var problem: any Error = Unknown(description: name)
        for text in Self.texts {
            let recorder = SchemaRecorder(maker: self, text: text, path: [])
            do {
                let value = try T(from: recorder)
                let schema = define(type, recorder.schema)
                found[name] = (schema, value)
                return (schema, value)
            } catch let error as Unknown {
                throw error
            } catch { problem = error }
        }
        throw Unknown(description: "\(name): \(problem)")
    }

    /// Objects and enumerations get a name of their own, values of one word stand where they are.
    private func define<T>(_ type: T.Type, _ schema: JSONValue) -> JSONValue {
        guard schema["properties"] != nil || schema["enum"] != nil || schema["items"] != nil else { return schema }
        let name = Self.name(type)
        definitions[name] = schema
        return reference(name)
    }

    private func published(_ schema: JSONValue, _ name: String) -> JSONValue {
        guard schema["properties"] != nil || schema["anyOf"] != nil else { return schema }
        definitions[name] = schema
        return reference(name)
    }

    private func reference(_ name: String) -> JSONValue {
        .object([JSONMember("$ref", .string(place + name))])
    }

    /// `HostView`, `RolloutOrder.Step`; of two types of one name in two modules only one is printed.
    static func name<T>(_ type: T.Type) -> String {
        String(reflecting: type).split(separator: ".").dropFirst().joined(separator: ".")
    }

    private static func words<T>(_ type: T.Type) -> [(String, Any)]? {
        guard let cases = (type as? any CaseIterable.Type).map({ Array(Self.all($0)) }) else { return nil }
        let words = cases.compactMap { one -> (String, Any)? in
            ((one as? any RawRepresentable)?.rawValue as? String).map { ($0, one) }
        }
        return words.count == cases.count ? words : nil
    }

    private static func all<C: CaseIterable>(_ type: C.Type) -> [Any] { C.allCases.map { $0 } }

    static func type(_ name: String, _ more: JSONMember...) -> JSONValue {
        .object([JSONMember("type", .string(name))] + more)
    }

    private static var simple: [ObjectIdentifier: (schema: JSONValue, value: Any)] {
        [
            ObjectIdentifier(String.self): (type("string"), "a1"), ObjectIdentifier(Bool.self): (type("boolean"), true),
            ObjectIdentifier(Int.self): (type("integer"), 1), ObjectIdentifier(Int64.self): (type("integer"), Int64(1)),
            ObjectIdentifier(Int32.self): (type("integer"), Int32(1)),
            ObjectIdentifier(UInt8.self): (type("integer"), UInt8(1)),
            ObjectIdentifier(UInt16.self): (type("integer"), UInt16(1)),
            ObjectIdentifier(UInt32.self): (type("integer"), UInt32(1)),
            ObjectIdentifier(UInt64.self): (type("integer"), UInt64(1)),
            ObjectIdentifier(JSONValue.self): (.object([]), JSONValue.object([])),
            ObjectIdentifier(UTCInstant.self): (
                type("string", JSONMember("format", .string("date-time"))), UTCInstant(secondsSince1970: 0)
            ),
        ]
    }
}

/// A list, a set, a dictionary or something that may be missing.
private protocol SchemaContainer { static func read(_ maker: SchemaMaker) throws -> (schema: JSONValue, value: Any) }

extension Array: SchemaContainer where Element: Decodable {
    fileprivate static func read(_ maker: SchemaMaker) throws -> (schema: JSONValue, value: Any) {
        let element = try maker.read(Element.self)
        return (SchemaMaker.type("array", JSONMember("items", element.schema)), [element.value])
    }
}

extension Set: SchemaContainer where Element: Decodable {
    fileprivate static func read(_ maker: SchemaMaker) throws -> (schema: JSONValue, value: Any) {
        let element = try maker.read(Element.self)
        return (SchemaMaker.type("array", JSONMember("items", element.schema)), Set([element.value]))
    }
}

extension Dictionary: SchemaContainer where Key: Decodable, Value: Decodable {
    fileprivate static func read(_ maker: SchemaMaker) throws -> (schema: JSONValue, value: Any) {
        let value = try maker.read(Value.self)
        return (SchemaMaker.type("object", JSONMember("additionalProperties", value.schema)), [Key: Value]())
    }
}

extension Optional: SchemaContainer where Wrapped: Decodable {
    fileprivate static func read(_ maker: SchemaMaker) throws -> (schema: JSONValue, value: Any) {
        let value = try maker.read(Wrapped.self)
        return (value.schema, Self.some(value.value) as Any)
    }
}
