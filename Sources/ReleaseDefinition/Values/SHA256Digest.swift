/// A SHA-256 digest: 32 bytes, written as 64 lower-case hexadecimal digits. Who computes one is `Effects` or the trust
/// core; this is the value.
public struct SHA256Digest: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    // In place and not in an array: an index holds tens of thousands of them.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    public var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
    }

    /// - Precondition: 32 bytes.
    public init(bytes: [UInt8]) {
        precondition(bytes.count == 32, "a SHA-256 digest has 32 bytes, not \(bytes.count)")
        self = bytes.withUnsafeBytes { Self(loading: $0) }
    }

    /// From 32 bytes.
    public init(loading bytes: UnsafeRawBufferPointer) {
        func word(_ offset: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        words = (word(0), word(8), word(16), word(24))
    }

    /// - Throws: `definition.digest`: anything but 64 lower-case hexadecimal digits.
    public init(hex text: String) throws(DefinitionError) {
        guard text.utf8.count == 64, let bytes = Hexadecimal.decode(text) else {
            throw DefinitionError(
                code: "digest", summary: "\(text.debugDescription) is no SHA-256 digest.",
                remedy: "A digest is 64 lower-case hexadecimal digits.")
        }
        self.init(bytes: bytes)
    }

    public init(from decoder: any Decoder) throws { try self.init(hex: String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }

    public static func == (left: Self, right: Self) -> Bool { left.words == right.words }
    public static func < (left: Self, right: Self) -> Bool { left.words < right.words }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
    public var hex: String {
        String(unsafeUninitializedCapacity: 64) { buffer in
            hexDigits { buffer.initializeElement(at: $0, to: $1) }
            return 64
        }
    }

    /// Its 64 digits with their places, for whoever writes thousands of digests.
    public func hexDigits(_ body: (_ place: Int, _ digit: UInt8) -> Void) {
        let digits: StaticString = "0123456789abcdef"
        var place = 0
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: 60, through: 0, by: -4) {
                body(place, digits.utf8Start[Int(word >> UInt64(shift) & 15)])
                place += 1
            }
        }
    }
    /// The first eight digits, for names of folders and for people.
    public var short: String { String(hex.prefix(8)) }
    public var description: String { hex }
}

public enum Hexadecimal {
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits: StaticString = "0123456789abcdef"
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.underestimatedCount)
        for byte in bytes {
            text.append(digits.utf8Start[Int(byte >> 4)])
            text.append(digits.utf8Start[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// nil for an odd length or anything but `0-9a-f`: upper case is refused so that one value has one form.
    public static func decode(_ text: String) -> [UInt8]? {
        let utf8 = Array(text.utf8)
        guard utf8.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count / 2)
        for index in stride(from: 0, to: utf8.count, by: 2) {
            guard let high = digit(utf8[index]), let low = digit(utf8[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
