/// Bounds of the strict parser, checked before anything is kept.
public struct JSONLimits: Sendable {
    public var bytesMax: Int
    public var depthMax: Int

    public init(bytesMax: Int = 64 << 20, depthMax: Int = 32) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
    }
}

extension JSONValue {
    /// Parses one JSON text strictly, over UTF-8 bytes.
    ///
    /// Refused, each with the byte offset: invalid UTF-8, a byte order mark, duplicate members (by bytes), trailing data,
    /// floats and exponents, integers beyond 64 bits, leading zeros, lone surrogates, raw control characters, depth and
    /// size beyond `limits`. Source: RFC 8259, trust.md "Canonical JSON".
    /// - Throws: `DefinitionError` with code `definition.json.…`.
    public init(parsing bytes: some Collection<UInt8>, limits: JSONLimits = .init()) throws(DefinitionError) {
        var parser = JSONParser(bytes: Array(bytes), limits: limits)
        self = try parser.parseDocument()
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let limits: JSONLimits
    var position = 0

    init(bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func parseDocument() throws(DefinitionError) -> JSONValue {
        guard bytes.count <= limits.bytesMax else {
            throw refuse("size", "the text has \(bytes.count) bytes, at most \(limits.bytesMax) are read")
        }
        let value = try parseValue(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw refuse("trailing", "data follows the end of the value") }
        return value
    }

    private mutating func parseValue(depth: Int) throws(DefinitionError) -> JSONValue {
        skipSpace()
        guard let byte = peek() else { throw refuse("truncated", "the text ends where a value is expected") }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < limits.depthMax else {
                throw refuse("depth", "values are nested deeper than \(limits.depthMax) levels")
            }
            return byte == UInt8(ascii: "{") ? try parseObject(depth: depth + 1) : try parseArray(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try parseInteger())
        default: throw refuse("syntax", "a value cannot start with byte 0x\(String(byte, radix: 16))")
        }
    }

    private mutating func parseObject(depth: Int) throws(DefinitionError) -> JSONValue {
        position += 1
        var members: [JSONMember] = []
        var names = SeenNames()
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw refuse("syntax", "a member name in quotes is expected") }
            let name = try parseString()
            guard names.insert(name, after: members) else {
                throw refuse("duplicate", "the member \"\(name)\" stands twice in one object")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw refuse("syntax", "':' is expected after a member name") }
            members.append(JSONMember(name, try parseValue(depth: depth)))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw refuse("syntax", "',' or '}' is expected") }
            return .object(members)
        }
    }

    private mutating func parseArray(depth: Int) throws(DefinitionError) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            values.append(try parseValue(depth: depth))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw refuse("syntax", "',' or ']' is expected") }
            return .array(values)
        }
    }

    private mutating func parseInteger() throws(DefinitionError) -> Int64 {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let first = position
        while let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        guard position > first else { throw refuse("number", "a digit is expected after '-'") }
        guard bytes[first] != UInt8(ascii: "0") || (position == first + 1 && first == start) else {
            throw refuse("number", "a number has no leading zero and no minus before zero")
        }
        if let byte = peek(), byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            throw refuse("number", "only integers are read, here stands a fraction or an exponent")
        }
        guard let value = Int64(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            throw refuse("number", "the integer does not fit 64 bits")
        }
        return value
    }

    private mutating func parseString() throws(DefinitionError) -> String {
        position += 1
        if let text = parsePlainString() { return text }
        var content: [UInt8] = []
        while let byte = peek() {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw refuse("utf8", "a string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try parseEscape(into: &content)
            case 0x00..<0x20: throw refuse("control", "a control character stands unescaped in a string")
            default: content.append(byte)
            }
        }
        throw refuse("truncated", "the text ends inside a string")
    }

    /// Most strings are ASCII without an escape: taken in one piece, or nil with nothing taken.
    private mutating func parsePlainString() -> String? {
        let start = position
        let end = bytes.withUnsafeBufferPointer { buffer -> Int? in
            var end = start
            while end < buffer.count {
                let byte = buffer[end]
                if byte == UInt8(ascii: "\"") { return end }
                guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\\") else { return nil }
                end += 1
            }
            return nil
        }
        guard let end else { return nil }
        position = end + 1
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private mutating func parseEscape(into content: inout [UInt8]) throws(DefinitionError) {
        guard let byte = peek() else { throw refuse("truncated", "the text ends inside an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content.append(contentsOf: String(Character(try parseUnicodeEscape())).utf8)
        default: throw refuse("syntax", "'\\' is followed by a byte that is no escape")
        }
    }

    private mutating func parseUnicodeEscape() throws(DefinitionError) -> Unicode.Scalar {
        let first = try parseFourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw refuse("surrogate", "a surrogate stands alone")
        }
        let second = try parseFourDigits()
        guard (0xDC00..<0xE000).contains(second) else { throw refuse("surrogate", "a surrogate stands alone") }
        let combined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        guard let scalar = Unicode.Scalar(combined) else { throw refuse("surrogate", "a surrogate stands alone") }
        return scalar
    }

    private mutating func parseFourDigits() throws(DefinitionError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw refuse("truncated", "the text ends inside an escape") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw refuse("syntax", "'\\u' is followed by four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private mutating func parseWord(_ word: String, _ value: JSONValue) throws(DefinitionError) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw refuse("syntax", "'\(word)' is expected") }
        position += word.utf8.count
        return value
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func refuse(_ code: String, _ what: String) -> DefinitionError {
        DefinitionError(
            code: "json.\(code)", summary: "JSON text refused at byte \(position): \(what).",
            remedy: "Write the document again with a tool that writes strict JSON.")
    }
}

/// The names of one object, compared by bytes: few are looked through, many are hashed.
private struct SeenNames {
    private static let fewMax = 16
    private var many: Set<[UInt8]> = []

    /// - Returns: whether the name is new.
    mutating func insert(_ name: String, after members: [JSONMember]) -> Bool {
        if members.count < Self.fewMax { return !members.contains { $0.name.utf8.elementsEqual(name.utf8) } }
        if many.isEmpty { for member in members { many.insert(Array(member.name.utf8)) } }
        return many.insert(Array(name.utf8)).inserted
    }
}
