extension JSONValue {
    /// RFC 8259 text, for anything that is not signed: control characters are escaped so that any reader takes it, and
    /// no line feed is ever inside (one value a line in journals and event streams). Members keep their order.
    public var wireBytes: [UInt8] {
        var bytes: [UInt8] = []
        appendWire(to: &bytes, indent: nil)
        return bytes
    }

    /// The same for people: two spaces a level, a line feed at the end.
    public var prettyBytes: [UInt8] {
        var bytes: [UInt8] = []
        appendWire(to: &bytes, indent: 0)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private func appendWire(to bytes: inout [UInt8], indent: Int?) {
        switch self {
        case .null, .bool, .integer: bytes.append(contentsOf: canonicalBytes)
        case .string(let value): Self.appendWireString(value, to: &bytes)
        case .array(let values):
            Self.appendList(values, open: "[", close: "]", to: &bytes, indent: indent) { value, bytes, inner in
                value.appendWire(to: &bytes, indent: inner)
            }
        case .object(let members):
            Self.appendList(members, open: "{", close: "}", to: &bytes, indent: indent) { member, bytes, inner in
                Self.appendWireString(member.name, to: &bytes)
                bytes.append(contentsOf: (inner == nil ? ":" : ": ").utf8)
                member.value.appendWire(to: &bytes, indent: inner)
            }
        }
    }

    private static func appendList<Element>(
        _ elements: [Element], open: String, close: String, to bytes: inout [UInt8], indent: Int?,
        append: (Element, inout [UInt8], Int?) -> Void
    ) {
        bytes.append(contentsOf: open.utf8)
        let inner = indent.map { $0 + 2 }
        for (position, element) in elements.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            appendBreak(inner, to: &bytes)
            append(element, &bytes, inner)
        }
        if !elements.isEmpty { appendBreak(indent, to: &bytes) }
        bytes.append(contentsOf: close.utf8)
    }

    private static func appendBreak(_ indent: Int?, to bytes: inout [UInt8]) {
        guard let indent else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
    }

    private static func appendWireString(_ value: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x00..<0x20, 0x7F:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
