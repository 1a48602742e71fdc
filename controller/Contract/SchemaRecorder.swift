import ReleaseDefinition

/// A decoder that has a value for whatever is asked, and keeps what was asked.
final class SchemaRecorder: Decoder {
    let maker: SchemaMaker
    /// What a text is.
    let text: String
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]

    private var single: JSONValue?
    private var members: [JSONMember] = []
    private var required: [String] = []
    private var isObject = false
    /// Of lists and objects that are read by hand, within this one.
    private var inner: [(name: String, recorder: SchemaRecorder)] = []

    init(maker: SchemaMaker, text: String, path: [any CodingKey]) {
        (self.maker, self.text, codingPath) = (maker, text, path)
    }

    var schema: JSONValue {
        if let single, !isObject { return single }
        let all = members + inner.map { JSONMember($0.name, $0.recorder.schema) }
        var parts = [
            JSONMember("type", .string("object")),
            JSONMember("properties", .object(all.sorted { $0.name < $1.name })),
        ]
        if !required.isEmpty { parts.append(JSONMember("required", .array(required.sorted().map { .string($0) }))) }
        return .object(parts)
    }

    func keep(_ name: String, _ schema: JSONValue, isRequired: Bool) {
        isObject = true
        if let old = members.firstIndex(where: { $0.name == name }) { members.remove(at: old) }
        let isNullable = maker.takesNull && !isRequired
        let choices = [schema, SchemaMaker.type("null")]
        members.append(JSONMember(name, isNullable ? .object([JSONMember("anyOf", .array(choices))]) : schema))
        if isRequired, !required.contains(name) { required.append(name) }
    }

    func keep(_ name: String, _ recorder: SchemaRecorder) {
        isObject = true
        inner.append((name, recorder))
        if !required.contains(name) { required.append(name) }
    }

    func keepItems(_ schema: JSONValue) { single = SchemaMaker.type("array", JSONMember("items", schema)) }
    func keepSingle(_ schema: JSONValue) { single = schema }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        isObject = true
        return KeyedDecodingContainer(Members<Key>(recorder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { Elements(recorder: self) }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(recorder: self) }

    /// A text is the one that is tried now; all else is read as what it is.
    func value<T: Decodable>(_ type: T.Type) throws -> (schema: JSONValue, value: T) {
        let found = try maker.read(type)
        if type == String.self, let text = text as? T { return (found.schema, text) }
        return found
    }

    private struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let recorder: SchemaRecorder
        var codingPath: [any CodingKey] { recorder.codingPath }
        var allKeys: [Key] { [] }

        func contains(_ key: Key) -> Bool { true }
        func decodeNil(forKey key: Key) throws -> Bool { false }

        func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
            let found = try recorder.value(type)
            recorder.keep(key.stringValue, found.schema, isRequired: true)
            return found.value
        }

        func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
            let found = try recorder.value(type)
            recorder.keep(key.stringValue, found.schema, isRequired: false)
            return found.value
        }

        // The standard library asks for these without the general one.
        func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try optional(type, key) }
        func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try optional(type, key) }
        func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try optional(type, key) }
        func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try optional(type, key) }
        func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try optional(type, key) }
        func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try optional(type, key) }
        func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try optional(type, key) }
        func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? { try optional(type, key) }
        func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { try optional(type, key) }

        private func optional<T: Decodable>(_ type: T.Type, _ key: Key) throws -> T? {
            let found = try recorder.value(type)
            recorder.keep(key.stringValue, found.schema, isRequired: false)
            return found.value
        }

        private func inner(_ key: Key) -> SchemaRecorder {
            let inner = SchemaRecorder(maker: recorder.maker, text: recorder.text, path: codingPath + [key])
            recorder.keep(key.stringValue, inner)
            return inner
        }

        func nestedContainer<Inner: CodingKey>(
            keyedBy type: Inner.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Inner> { try inner(key).container(keyedBy: type) }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try inner(key).unkeyedContainer()
        }

        func superDecoder() throws -> any Decoder { recorder }
        func superDecoder(forKey key: Key) throws -> any Decoder { inner(key) }
    }

    private struct Elements: UnkeyedDecodingContainer {
        let recorder: SchemaRecorder
        var codingPath: [any CodingKey] { recorder.codingPath }
        var count: Int? { 1 }
        var currentIndex = 0
        var isAtEnd: Bool { currentIndex > 0 }

        init(recorder: SchemaRecorder) { self.recorder = recorder }

        mutating func decodeNil() throws -> Bool { false }

        mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
            let found = try recorder.value(type)
            recorder.keepItems(found.schema)
            currentIndex += 1
            return found.value
        }

        mutating func nestedContainer<Inner: CodingKey>(
            keyedBy type: Inner.Type
        ) throws -> KeyedDecodingContainer<Inner> {
            throw SchemaMaker.Unknown(description: "a list that is read by hand")
        }

        mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
            throw SchemaMaker.Unknown(description: "a list that is read by hand")
        }

        mutating func superDecoder() throws -> any Decoder { recorder }
    }

    private struct Single: SingleValueDecodingContainer {
        let recorder: SchemaRecorder
        var codingPath: [any CodingKey] { recorder.codingPath }

        func decodeNil() -> Bool { false }

        func decode<T: Decodable>(_ type: T.Type) throws -> T {
            let found = try recorder.value(type)
            recorder.keepSingle(found.schema)
            return found.value
        }
    }
}
