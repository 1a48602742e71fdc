import ReleaseDefinition

/// Reads the lines of an index from front to back. Exactly the bytes that `PayloadIndex.bytes` would write are accepted.
struct IndexLines {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var line = 1
    private var lastInstant: (text: String, value: UTCInstant)?

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    var count: Int { bytes.count }

    func refuse(_ what: String, cause: String? = nil) -> PackagingError {
        PayloadIndex.refuse("syntax", what, line: line, cause: cause)
    }

    mutating func member() throws -> PayloadMember {
        try expect("{\"length\":")
        let length = try integer()
        try expect(",\"sha256\":\"")
        let sha256 = try digest()
        try expect("\",\"tarLength\":")
        let tarLength = try integer()
        try expect(",\"tarSHA256\":\"")
        let tarSHA256 = try digest()
        try expect("\"")
        try endLine()
        return PayloadMember(
            compressed: BlobReference(sha256: sha256, length: ByteCount(length)),
            tar: BlobReference(sha256: tarSHA256, length: ByteCount(tarLength)))
    }

    mutating func entry() throws -> PayloadEntry {
        try expect("{\"changedAt\":\"")
        let changedAt = try instant()
        let group = skip("\"group\":\"") ? try account() : nil
        try expect("\"mode\":\"")
        let mode = try mode()
        let owner = skip("\"owner\":\"") ? try account() : nil
        try expect("\"path\":\"")
        let path = try EntryPath(try string(sizeMax: EntryPath.bytesMax))
        let content: PayloadEntry.Content
        if skip(",\"type\":\"directory\"") {
            content = .directory
        } else if skip(",\"target\":\"") {
            content = .link(try LinkTarget(try string(sizeMax: EntryPath.bytesMax), from: path))
            try expect(",\"type\":\"link\"")
        } else {
            try expect(",\"sha256\":\"")
            let sha256 = try digest()
            try expect("\",\"size\":")
            content = .file(BlobReference(sha256: sha256, length: ByteCount(try integer())))
            try expect(",\"type\":\"file\"")
        }
        try endLine()
        return PayloadEntry(
            path: path, content: content, mode: mode, owner: owner, group: group, changedAt: changedAt)
    }

    mutating func endLine() throws {
        try expect("}\n")
        line += 1
    }

    /// Just these bytes.
    mutating func expect(_ text: StaticString) throws {
        guard skip(text) else { throw refuse("does not have \(text) where it must stand") }
    }

    mutating func expect(_ text: String) throws {
        for byte in text.utf8 {
            guard position < bytes.count, bytes[position] == byte else {
                throw refuse("does not have \(text) where it must stand")
            }
            position += 1
        }
    }

    private mutating func skip(_ text: StaticString) -> Bool {
        let size = text.utf8CodeUnitCount
        guard bytes.count - position >= size else { return false }
        for offset in 0..<size where bytes[position + offset] != text.utf8Start[offset] { return false }
        position += size
        return true
    }

    /// Digits without a leading zero, at most `Int64.max`.
    mutating func integer() throws -> Int64 {
        var (value, digits) = (Int64(0), 0)
        while position < bytes.count, case let digit = bytes[position], (0x30...0x39).contains(digit) {
            let (tens, isTooLong) = value.multipliedReportingOverflow(by: 10)
            let (next, isTooLarge) = tens.addingReportingOverflow(Int64(digit - 0x30))
            guard !isTooLong, !isTooLarge, digits == 0 || value > 0 else { throw refuse("has a number that is none") }
            value = next
            digits += 1
            position += 1
        }
        guard digits > 0 else { throw refuse("has no number where one must stand") }
        return value
    }

    private mutating func digest() throws -> SHA256Digest {
        guard bytes.count - position >= 64 else { throw refuse("ends in a digest") }
        let digest = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest -> SHA256Digest? in
            for offset in 0..<32 {
                guard let high = Self.digit(bytes[position + 2 * offset]),
                    let low = Self.digit(bytes[position + 2 * offset + 1])
                else { return nil }
                digest[offset] = high << 4 | low
            }
            return SHA256Digest(loading: UnsafeRawBufferPointer(digest))
        }
        guard let digest else { throw refuse("has a digest that is none") }
        position += 64
        return digest
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// Up to the closing quote, which is taken as well. Only a quote and a backslash may be escaped, and must be.
    private mutating func string(sizeMax: Int) throws -> String {
        var text: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            var byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\\") {
                guard position < bytes.count, case let escaped = bytes[position],
                    escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
                else { throw refuse("has an escape that is none") }
                byte = escaped
                position += 1
            }
            guard text.count < sizeMax else { throw refuse("has a text that is too long") }
            text.append(byte)
        }
        guard position < bytes.count else { throw refuse("ends in a text") }
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else {
            throw PathFlaw.utf8.error(String(decoding: text, as: UTF8.self))
        }
        return string
    }

    /// A text and the comma behind it.
    private mutating func word(sizeMax: Int) throws -> String {
        let text = try string(sizeMax: sizeMax)
        try expect(",")
        return text
    }

    private mutating func instant() throws -> UTCInstant {
        let text = try word(sizeMax: 24)
        if let lastInstant, lastInstant.text == text { return lastInstant.value }
        do {
            let value = try UTCInstant(text)
            guard value.description == text else { throw refuse("has a time in another form than its own") }
            lastInstant = (text, value)
            return value
        } catch let error as DefinitionError {
            throw refuse("has a time that is none", cause: error.description)
        }
    }

    /// Four octal digits, as in a manifest; permission bits only.
    private mutating func mode() throws -> UInt16 {
        let text = try word(sizeMax: 4)
        guard text.utf8.count == 4, text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let bits = UInt16(text, radix: 8), bits <= 0o777
        else { throw refuse("has the mode \(PathFlaw.shown(text)), no permission bits") }
        return bits
    }

    /// A name for the host's account database; never a number, which another host could give to somebody else.
    private mutating func account() throws -> String {
        let name = try word(sizeMax: 32)
        guard PayloadEntry.isAccountName(name) else { throw refuse("has an owner or group that is no account name") }
        return name
    }
}
