/// Codable over the strict parser and the canonical writer: one way to turn values into JSON and back.
///
/// Optional members that are nil are left out. Floating-point numbers are refused. Unknown members are ignored (a newer
/// peer may add some); whoever must refuse them reads the `JSONValue` itself.
public enum JSONCoding {
    /// - Throws: `DefinitionError` where the value holds what strict JSON cannot (a float, an integer beyond 64 bits).
    public static func value(of encodable: some Encodable) throws -> JSONValue {
        let node = JSONNode()
        try encodable.encode(to: JSONNodeEncoder(node: node, codingPath: []))
        return node.value
    }

    /// The canonical bytes: what is signed, hashed or stored.
    public static func canonicalBytes(of encodable: some Encodable) throws -> [UInt8] {
        try value(of: encodable).canonicalBytes
    }

    /// - Throws: `DefinitionError` that names the path of the member, what was found and what was expected.
    public static func decode<T: Decodable>(_ type: T.Type, from value: JSONValue) throws -> T {
        do {
            return try T(from: JSONValueDecoder(value: value, codingPath: []))
        } catch let error as DecodingError {
            throw DefinitionError(decoding: error, as: "\(type)")
        }
    }

    public static func decode<T: Decodable>(
        _ type: T.Type, from bytes: some Collection<UInt8>, limits: JSONLimits = .init()
    ) throws -> T {
        try decode(type, from: JSONValue(parsing: bytes, limits: limits))
    }
}

extension DefinitionError {
    init(decoding error: DecodingError, as type: String) {
        let context: DecodingError.Context
        var missing: [any CodingKey] = []
        switch error {
        case .keyNotFound(let key, let it): (context, missing) = (it, [key])
        case .typeMismatch(_, let it), .valueNotFound(_, let it), .dataCorrupted(let it): context = it
        @unknown default: context = .init(codingPath: [], debugDescription: "\(error)")
        }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        self.init(
            code: "json.shape", summary: "\(type)\(path): \(context.debugDescription).",
            remedy: "Both sides may be of versions too far apart: versions N and N-1 work together.")
        pointer = JSONPointer(context.codingPath + missing)
    }
}

extension KeyedDecodingContainer where Key: RawRepresentable<String> {
    /// For values that are one of several: the one key that is there.
    /// - Throws: `definition.json.choice` for none and for more than one.
    func onlyKey(of what: String) throws -> Key {
        guard let key = allKeys.first, allKeys.count == 1 else {
            let found = allKeys.map(\.rawValue).joined(separator: " and ")
            throw DefinitionError(
                code: "json.choice",
                summary: "\(what) has \(found.isEmpty ? "no known member" : found), not one of them.",
                remedy: "Both sides may be of versions too far apart: versions N and N-1 work together.")
        }
        return key
    }
}

struct JSONKey: CodingKey {
    var stringValue: String
    var intValue: Int?

    init(_ name: String) { stringValue = name }
    init(_ index: Int) { (stringValue, intValue) = (String(index), index) }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { self.init(intValue) }
}
