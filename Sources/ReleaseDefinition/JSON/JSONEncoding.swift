/// A place that an encoder fills in; a class because Codable containers are handed out and written to later.
final class JSONNode {
    private enum Content {
        case empty
        case scalar(JSONValue)
        case array([JSONNode])
        case object([(String, JSONNode)])
    }

    private var content = Content.empty

    var value: JSONValue {
        switch content {
        case .empty: .object([])
        case .scalar(let value): value
        case .array(let nodes): .array(nodes.map(\.value))
        case .object(let members): .object(members.map { JSONMember($0.0, $0.1.value) })
        }
    }

    func set(_ value: JSONValue) { content = .scalar(value) }
    func becomeArray() { if case .array = content {} else { content = .array([]) } }
    func becomeObject() { if case .object = content {} else { content = .object([]) } }

    func member(_ name: String) -> JSONNode {
        let node = JSONNode()
        guard case .object(var members) = content else { return node }
        // Let go of the array first: two owners would copy it for every member.
        content = .empty
        members.removeAll { $0.0.utf8.elementsEqual(name.utf8) }
        members.append((name, node))
        content = .object(members)
        return node
    }

    func element() -> JSONNode {
        let node = JSONNode()
        guard case .array(var nodes) = content else { return node }
        content = .empty
        nodes.append(node)
        content = .array(nodes)
        return node
    }

    var count: Int { if case .array(let nodes) = content { nodes.count } else { 0 } }
}

struct JSONNodeEncoder: Encoder {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.becomeObject()
        return KeyedEncodingContainer(JSONKeyedEncoder(node: node, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.becomeArray()
        return JSONUnkeyedEncoder(node: node, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        JSONSingleEncoder(node: node, codingPath: codingPath)
    }

    static func encode<T: Encodable>(_ value: T, into node: JSONNode, path: [any CodingKey]) throws {
        if let value = value as? JSONValue {
            node.set(value)
            return
        }
        switch value {
        case let value as String: node.set(.string(value))
        case let value as Bool: node.set(.bool(value))
        case is Double, is Float:
            throw EncodingError.invalidValue(
                value, .init(codingPath: path, debugDescription: "signed JSON holds no floating-point number"))
        case let value as any FixedWidthInteger & Encodable:
            guard let integer = Int64(exactly: value) else {
                throw EncodingError.invalidValue(
                    value, .init(codingPath: path, debugDescription: "the integer does not fit 64 bits"))
            }
            node.set(.integer(integer))
        default: try value.encode(to: JSONNodeEncoder(node: node, codingPath: path))
        }
    }
}

private struct JSONKeyedEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: JSONNode
    let codingPath: [any CodingKey]

    mutating func encodeNil(forKey key: Key) { node.member(key.stringValue).set(.null) }

    mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try JSONNodeEncoder.encode(value, into: node.member(key.stringValue), path: codingPath + [key])
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        JSONNodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        JSONNodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        JSONNodeEncoder(node: node.member("super"), codingPath: codingPath)
    }

    mutating func superEncoder(forKey key: Key) -> any Encoder {
        JSONNodeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct JSONUnkeyedEncoder: UnkeyedEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var count: Int { node.count }

    mutating func encodeNil() { node.element().set(.null) }

    mutating func encode<T: Encodable>(_ value: T) throws {
        let path = codingPath + [JSONKey(count)]
        try JSONNodeEncoder.encode(value, into: node.element(), path: path)
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        JSONNodeEncoder(node: node.element(), codingPath: codingPath).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONNodeEncoder(node: node.element(), codingPath: codingPath).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { JSONNodeEncoder(node: node.element(), codingPath: codingPath) }
}

private struct JSONSingleEncoder: SingleValueEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]

    mutating func encodeNil() { node.set(.null) }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try JSONNodeEncoder.encode(value, into: node, path: codingPath)
    }
}
