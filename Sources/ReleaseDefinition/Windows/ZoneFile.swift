/// Reads a TZif file: version 2 or later (RFC 8536 3).
extension ZoneRules {
    /// - Throws: `definition.zone`: not such a file, cut short, or larger than any real one.
    public init(name: String, file bytes: [UInt8]) throws(DefinitionError) {
        guard let read = ZoneFile.read(bytes, name: name) else {
            throw DefinitionError(
                code: "zone", summary: "The \(bytes.count) bytes for \(name.debugDescription) are no time zone.",
                remedy: "Take the file of that IANA name from the system's tzdata, version 2 or later.")
        }
        self = read
    }
}

private struct ZoneFile {
    private static let bytesMax = 1 << 20
    private let bytes: [UInt8]
    private var position = 0

    private struct Header {
        var version: UInt8
        /// isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt.
        var counts: [Int]

        func size(of time: Int) -> Int {
            counts[3] * time + counts[3] + counts[4] * 6 + counts[5] + counts[2] * (time + 4) + counts[1] + counts[0]
        }
    }

    static func read(_ bytes: [UInt8], name: String) -> ZoneRules? {
        guard bytes.count <= bytesMax else { return nil }
        var file = ZoneFile(bytes: bytes)
        // The first block is for readers of version 1.
        guard let first = file.header(), first.version >= UInt8(ascii: "2"), file.skip(first.size(of: 4)),
            let header = file.header(), header.counts[4] > 0
        else { return nil }
        return file.rules(header, name: name)
    }

    private mutating func rules(_ header: Header, name: String) -> ZoneRules? {
        let (count, types) = (header.counts[3], header.counts[4])
        guard bytes.count - position >= header.size(of: 8) else { return nil }
        let times = (0..<count).map { _ in Int64(bitPattern: number(8)) }
        let indices = (0..<count).map { _ in Int(number(1)) }
        var offsets: [Int64] = []
        for _ in 0..<types {
            offsets.append(Int64(Int32(truncatingIfNeeded: number(4))))
            position += 2
        }
        guard indices.allSatisfy({ $0 < types }), zip(times, times.dropFirst()).allSatisfy(<),
            offsets.allSatisfy({ abs($0) <= 93_600 })
        else { return nil }
        position += header.counts[5] + header.counts[2] * 12 + header.counts[1] + header.counts[0]
        let text = String(decoding: bytes[position...].split(separator: 0x0A).first ?? [], as: UTF8.self)
        let rule = ZoneRuleText.read(text)
        guard text.isEmpty || rule != nil else { return nil }
        return ZoneRules(
            name: name, changes: zip(times, indices).map { ZoneRules.Change(at: $0, offset: offsets[$1]) },
            firstOffset: offsets[0], rule: rule)
    }

    private mutating func header() -> Header? {
        guard bytes.count - position >= 44, bytes[position..<position + 4].elementsEqual("TZif".utf8) else {
            return nil
        }
        let version = bytes[position + 4]
        position += 20
        return Header(version: version, counts: (0..<6).map { _ in Int(number(4)) })
    }

    private mutating func skip(_ count: Int) -> Bool {
        guard count <= bytes.count - position else { return false }
        position += count
        return true
    }

    /// Big endian; the caller has seen that the bytes are there.
    private mutating func number(_ size: Int) -> UInt64 {
        defer { position += size }
        return bytes[position..<position + size].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }
}

/// Reads a POSIX TZ string (RFC 8536 3.3).
private struct ZoneRuleText {
    private var rest: Substring

    static func read(_ text: String) -> ZoneRule? {
        var reader = Self(rest: text[...])
        guard reader.skipName(), let standard = reader.span() else { return nil }
        if reader.rest.isEmpty { return ZoneRule(standard: -standard) }
        guard reader.skipName() else { return nil }
        var summer = -standard + 3600
        if reader.rest.first != "," {
            guard let offset = reader.span() else { return nil }
            summer = -offset
        }
        guard reader.take(","), let begins = reader.yearDay(), reader.take(","), let ends = reader.yearDay(),
            reader.rest.isEmpty
        else { return nil }
        return ZoneRule(standard: -standard, summer: .init(offset: summer, begins: begins, ends: ends))
    }

    private mutating func take(_ character: Character) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipName() -> Bool {
        if take("<") {
            guard let end = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: end)...]
            return true
        }
        let name = rest.prefix { $0.isLetter }
        rest = rest.dropFirst(name.count)
        return name.count >= 3
    }

    private mutating func number() -> Int64? {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(digits.count)
        return digits.count <= 3 ? Int64(digits) : nil
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    private mutating func span() -> Int64? {
        let sign: Int64 = take("-") ? -1 : 1
        if sign == 1 { _ = take("+") }
        guard var total = number().map({ $0 * 3600 }), total <= 167 * 3600 else { return nil }
        for unit in [Int64(60), 1] where take(":") {
            guard let part = number(), part < 60 else { return nil }
            total += part * unit
        }
        return sign * total
    }

    private mutating func yearDay() -> ZoneRule.YearDay? {
        guard let day = day() else { return nil }
        guard take("/") else { return ZoneRule.YearDay(day: day, seconds: 7200) }
        return span().map { ZoneRule.YearDay(day: day, seconds: $0) }
    }

    private mutating func day() -> ZoneRule.YearDay.Day? {
        if take("J") { return number().flatMap { (1...365).contains($0) ? .julian($0) : nil } }
        guard take("M") else { return number().flatMap { (0...365).contains($0) ? .number($0) : nil } }
        guard let month = number(), take("."), let week = number(), take("."), let day = number(),
            (1...12).contains(month), (1...5).contains(week), (0...6).contains(day)
        else { return nil }
        return .weekday(month: month, week: week, day: day)
    }
}
