import ReleaseDefinition

/// One line of a journal: `<16 hex digits> <number> <JSON>\n`, the digits being the start of the SHA-256 of
/// `<number> <JSON>`. Numbers go up by one, so that a lost line is seen. Pure.
struct JournalLine: Sendable, Equatable {
    var number: Int64
    var entry: JournalEntry

    private static let checksumLength = 16
    private static let limits = JSONLimits()

    func bytes() throws -> [UInt8] {
        let body = Array("\(number) ".utf8) + (try JSONCoding.value(of: entry).wireBytes)
        return Array("\(Self.checksum(of: body)) ".utf8) + body + [UInt8(ascii: "\n")]
    }

    /// Without its line feed. nil: not a line that this wrote, whole and unchanged.
    init?(parsing line: ArraySlice<UInt8>) {
        guard line.count > Self.checksumLength + 1, line[line.startIndex + Self.checksumLength] == UInt8(ascii: " ")
        else { return nil }
        let body = line.dropFirst(Self.checksumLength + 1)
        guard line.prefix(Self.checksumLength).elementsEqual(Self.checksum(of: body).utf8),
            let space = body.firstIndex(of: UInt8(ascii: " ")),
            let number = Int64(String(decoding: body[body.startIndex..<space], as: UTF8.self)), number > 0,
            let entry = try? JSONCoding.decode(JournalEntry.self, from: body[(space + 1)...], limits: Self.limits)
        else { return nil }
        self.number = number
        self.entry = entry
    }

    init(number: Int64, entry: JournalEntry) {
        self.number = number
        self.entry = entry
    }

    private static func checksum(of body: some Collection<UInt8>) -> String {
        String(SHA256Digest(of: body).hex.prefix(checksumLength))
    }
}

/// What a journal's bytes say. Pure: the same bytes, the same answer, whatever they are.
struct JournalReading: Sendable {
    /// Every whole line, in the order of the file.
    var lines: [JournalLine] = []
    /// Where the last whole line of an unbroken beginning ends.
    var validLength = 0
    /// Bytes behind `validLength`.
    var tailLength = 0
    /// Lines were damaged or lost *before* a whole one: not a write that was cut short, and the history has a gap.
    var hasGap = false

    init(_ bytes: [UInt8]) {
        var start = bytes.startIndex
        while start < bytes.endIndex {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { break }
            let isUnbroken = validLength == start
            if let line = JournalLine(parsing: bytes[start..<end]) {
                let follows = lines.last.map { line.number - 1 == $0.number } ?? true
                if isUnbroken, follows { validLength = end + 1 } else { hasGap = true }
                lines.append(line)
            }
            start = end + 1
        }
        tailLength = bytes.count - validLength
        // Nothing but noise: not the rest of one write either.
        if lines.isEmpty, bytes.contains(UInt8(ascii: "\n")) { hasGap = true }
    }
}
