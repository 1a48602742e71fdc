import ReleaseDefinition

/// The elements of an XML document in their order, as far as test reports need them: names and attributes, no text.
/// Strict where it matters: no document type (so no entities of one's own), bounded depth and size, balanced tags.
/// Source: XML 1.0 (fifth edition) 2 and 3.
struct MarkupReader {
    enum Token: Equatable {
        case start(String, [String: String])
        case end(String)
    }

    static let bytesMax = 64 << 20
    static let depthMax = 64
    /// Names of elements and attributes; they stand in messages.
    static let nameBytesMax = 256

    private let bytes: [UInt8]
    private var position = 0
    private var open: [String] = []
    private var hasRoot = false
    /// The end of an element that is empty: `<a/>`.
    private var pending: Token?

    init(_ bytes: [UInt8]) throws(LifecycleError) {
        guard bytes.count <= Self.bytesMax, String(validating: bytes, as: UTF8.self) != nil else {
            throw Self.malformed("it is longer than \(ByteCount(Self.bytesMax)), or no UTF-8", at: 0)
        }
        self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    /// nil at the end of the document.
    mutating func next() throws(LifecycleError) -> Token? {
        if let token = pending {
            pending = nil
            return token
        }
        while true {
            while position < bytes.count, bytes[position] != UInt8(ascii: "<") {
                if open.isEmpty, !Self.isSpace(bytes[position]) {
                    throw Self.malformed("text stands outside the root element", at: position)
                }
                position += 1
            }
            guard position < bytes.count else {
                guard hasRoot, open.isEmpty else {
                    throw Self.malformed("it ends inside <\(open.last ?? "nothing")>", at: position)
                }
                return nil
            }
            if has("<!--") {
                try skip(past: "-->")
            } else if has("<![CDATA[") {
                try skip(past: "]]>")
            } else if has("<?") {
                try skip(past: "?>")
            } else if has("<!") {
                throw Self.malformed("it has a document type", at: position)
            } else {
                return try tag()
            }
        }
    }

    private mutating func tag() throws(LifecycleError) -> Token {
        let start = position
        position += 1
        if peek == UInt8(ascii: "/") {
            position += 1
            let name = try self.name()
            skipSpace()
            guard peek == UInt8(ascii: ">"), open.last == name else {
                throw Self.malformed("</\(name)> ends <\(open.last ?? "nothing")>", at: start)
            }
            position += 1
            open.removeLast()
            return .end(name)
        }
        guard !open.isEmpty || !hasRoot else { throw Self.malformed("it has two root elements", at: start) }
        guard open.count < Self.depthMax else { throw Self.malformed("it is deeper than \(Self.depthMax)", at: start) }
        hasRoot = true
        let name = try self.name()
        var attributes: [String: String] = [:]
        while true {
            skipSpace()
            switch peek {
            case UInt8(ascii: ">"):
                position += 1
                open.append(name)
                return .start(name, attributes)
            case UInt8(ascii: "/"):
                position += 1
                guard peek == UInt8(ascii: ">") else { throw Self.malformed("<\(name)> does not end", at: start) }
                position += 1
                pending = .end(name)
                return .start(name, attributes)
            case nil: throw Self.malformed("<\(name)> does not end", at: start)
            default:
                let (key, value) = try attribute()
                guard attributes.updateValue(value, forKey: key) == nil else {
                    throw Self.malformed("<\(name)> has the attribute \(key) twice", at: start)
                }
            }
        }
    }

    private mutating func attribute() throws(LifecycleError) -> (String, String) {
        let start = position
        let key = try name()
        skipSpace()
        guard peek == UInt8(ascii: "=") else { throw Self.malformed("the attribute \(key) has no value", at: start) }
        position += 1
        skipSpace()
        guard let quote = peek, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
            throw Self.malformed("the attribute \(key) has no quotes", at: start)
        }
        position += 1
        let begin = position
        while let byte = peek, byte != quote {
            guard byte != UInt8(ascii: "<") else {
                throw Self.malformed("the attribute \(key) does not end", at: start)
            }
            position += 1
        }
        guard peek == quote else { throw Self.malformed("the attribute \(key) does not end", at: start) }
        let value = String(decoding: bytes[begin..<position], as: UTF8.self)
        position += 1
        return (key, Self.unescaped(value))
    }

    private mutating func name() throws(LifecycleError) -> String {
        let begin = position
        let ends = Array(" \t\r\n=/>\"'<".utf8)
        while let byte = peek, !ends.contains(byte) { position += 1 }
        guard position > begin else { throw Self.malformed("a name is missing", at: begin) }
        guard position - begin <= Self.nameBytesMax else {
            throw Self.malformed("a name is longer than \(Self.nameBytesMax) bytes", at: begin)
        }
        return String(decoding: bytes[begin..<position], as: UTF8.self)
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() { while let byte = peek, Self.isSpace(byte) { position += 1 } }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private func has(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[position...].starts(with: $0) }
    }

    private mutating func skip(past end: StaticString) throws(LifecycleError) {
        let start = position
        while position < bytes.count, !has(end) { position += 1 }
        guard position < bytes.count else { throw Self.malformed("\(end) is missing", at: start) }
        position += end.utf8CodeUnitCount
    }

    /// The five entities that need no declaration; anything else stays as it is written: these are words for people.
    private static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
        return text.replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&quot;", with: "\"")
            .replacing("&apos;", with: "'").replacing("&amp;", with: "&")
    }

    private static func malformed(_ what: String, at position: Int) -> LifecycleError {
        LifecycleError(
            code: "evidence.xml", summary: "The report is no XML that is read here: \(what) (byte \(position)).",
            remedy: "Give the JUnit XML file that the test runner wrote.")
    }
}
