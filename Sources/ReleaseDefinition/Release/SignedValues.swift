/// The values of one environment that a release brings, as its approvers sign them: text, whole numbers, `true` and
/// `false`, lists and mappings. A secret is never among them, only its name: `{"secret":"payments/db-password"}`.
///
/// JSON of at most `bytesMax` in one form only: members sorted by the bytes of their names, no white space, what must be
/// escaped is. An object at the top, at most `depthMax` deep, `countMax` values.
public struct SignedValues: Sendable, Equatable {
    public static let bytesMax = ByteCount(256 << 10)
    public static let depthMax = 8
    public static let countMax = 10_000
    public static let textMax = ByteCount(64 << 10)

    public let root: JSONValue

    /// - Throws: `definition.values`, with the place.
    public init(_ root: JSONValue) throws(DefinitionError) {
        guard case .object = root else { throw Self.refuse("", "is \(root.kind), expected is a mapping") }
        var count = 0
        try Self.check(root, at: "", depth: 0, &count)
        self.root = Self.sorted(root)
        guard bytes.count <= Self.bytesMax.value else {
            throw Self.refuse("", "has \(bytes.count) bytes, at most \(Self.bytesMax.value) are signed")
        }
    }

    /// - Throws: `definition.values`, and what the JSON reader throws.
    public init(parsing bytes: [UInt8]) throws(DefinitionError) {
        let limits = JSONLimits(bytesMax: Int(Self.bytesMax.value), depthMax: Self.depthMax + 1)
        let root = try JSONValue(parsing: bytes, limits: limits)
        try self.init(root)
        guard self.bytes == bytes else { throw Self.refuse("", "is not in its one form") }
    }

    public var bytes: [UInt8] { root.wireBytes }

    /// The names of the secrets that it refers to, each once, sorted.
    public var secrets: [String] {
        var names: Set<String> = []
        Self.collect(root, &names)
        return names.sorted()
    }

    /// The reference, where the value is one.
    public static func secret(_ value: JSONValue) -> String? {
        guard case .object(let members) = value, members.count == 1 else { return nil }
        return value["secret"]?.stringValue
    }

    /// 1 to 200 of letters, digits and `._-`, in parts between single slashes, none of them `.` or `..`.
    public static func isSecretName(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count)
            && text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part.allSatisfy(isNameByte) && !part.elementsEqual(".".utf8)
                    && !part.elementsEqual("..".utf8)
            }
    }

    /// The name of a value: 1 to 100 of letters, digits and `._-`.
    public static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "._-".utf8.contains(byte)
    }

    private static func check(
        _ value: JSONValue, at path: String, depth: Int, _ count: inout Int
    ) throws(DefinitionError) {
        count += 1
        guard depth <= depthMax else { throw refuse(path, "lies deeper than \(depthMax) levels") }
        guard count <= countMax else { throw refuse("", "has more than \(countMax) values") }
        switch value {
        case .bool, .integer: return
        case .null: throw refuse(path, "is null, expected is a value")
        case .string(let text):
            guard text.utf8.count <= textMax.value else {
                throw refuse(path, "has \(text.utf8.count) bytes, at most \(textMax.value) are signed")
            }
            let isPrintable = text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0x7F || $0 == "\n" || $0 == "\t"
            }
            guard isPrintable else { throw refuse(path, "holds a control character") }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                try check(element, at: "\(path)[\(index)]", depth: depth + 1, &count)
            }
        case .object(let members):
            if value["secret"] != nil {
                guard let name = secret(value), isSecretName(name) else {
                    throw refuse(path, "has a key secret and is no reference to one")
                }
                return
            }
            for member in members {
                guard isName(member.name) else {
                    throw refuse(path, "has the key \(member.name.debugDescription), which is no name")
                }
                let place = path.isEmpty ? member.name : "\(path).\(member.name)"
                try check(member.value, at: place, depth: depth + 1, &count)
            }
        }
    }

    private static func sorted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(sorted))
        case .object(let members):
            .object(
                members.map { JSONMember($0.name, sorted($0.value)) }
                    .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
        default: value
        }
    }

    private static func collect(_ value: JSONValue, _ names: inout Set<String>) {
        if let name = secret(value) {
            names.insert(name)
        } else if case .object(let members) = value {
            for member in members { collect(member.value, &names) }
        } else if case .array(let elements) = value {
            for element in elements { collect(element, &names) }
        }
    }

    private static func refuse(_ path: String, _ what: String) -> DefinitionError {
        DefinitionError(
            code: "values", summary: "\(path.isEmpty ? "The file of values" : path) \(what).",
            remedy: "Write texts, numbers, true, false, lists and mappings; a secret as { secret: NAME }, nothing else."
        )
    }
}
