import FoundationEssentials
import ReleaseDefinition

extension JoinString {
    private static let prefix = "slipway1."
    /// Far above any real one; a longer text is refused unread.
    private static let textLengthMax = 4096

    /// What `slipway hosts invite` prints. base64url without padding (RFC 4648 5).
    public var text: String {
        // Encoding strings and digests cannot fail; an empty object would be refused by every reader.
        let bytes = (try? JSONCoding.canonicalBytes(of: self)) ?? []
        let plain = Data(bytes).base64EncodedString()
        let mapped = plain.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: byte
            }
        }
        return Self.prefix + String(decoding: mapped, as: UTF8.self)
    }

    /// - Throws: `definition.joinString`: cut short, altered, or of another version of Slipway.
    public init(_ text: String) throws(DefinitionError) {
        guard text.utf8.count <= Self.textLengthMax, text.hasPrefix(Self.prefix),
            let bytes = Self.base64URL(text.dropFirst(Self.prefix.count)),
            let value = try? JSONCoding.decode(JoinString.self, from: bytes), value.isWellFormed
        else {
            throw DefinitionError(
                code: "joinString", summary: "The text is no join string of this version of Slipway.",
                remedy: "Copy the whole line that `slipway hosts invite` printed; it begins with \(Self.prefix)")
        }
        self = value
    }

    /// An address in printable ASCII, reached over TLS; a token that a header or a line could hold.
    public var isWellFormed: Bool {
        func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
        return controller.hasPrefix("https://") && isPrintable(controller) && isPrintable(token)
    }

    private static func base64URL(_ text: Substring) -> [UInt8]? {
        var plain: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "-"): plain.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): plain.append(UInt8(ascii: "/"))
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
            default: plain.append(byte)
            }
        }
        while !plain.count.isMultiple(of: 4) { plain.append(UInt8(ascii: "=")) }
        return Data(base64Encoded: String(decoding: plain, as: UTF8.self)).map(Array.init)
    }
}
