/// A moment in UTC, to the millisecond, written as RFC 3339 with `Z` (`2026-11-20T09:12:00Z`; `.250Z` only if needed).
/// Years 1970 to 9999. Pure modules take one as an argument and never ask a clock.
public struct UTCInstant: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let millisecondsSince1970: Int64

    public init(millisecondsSince1970: Int64) { self.millisecondsSince1970 = millisecondsSince1970 }
    public init(secondsSince1970: Int64) { self.init(millisecondsSince1970: secondsSince1970 * 1000) }

    /// - Throws: `definition.instant`: anything but `YYYY-MM-DDTHH:MM:SS[.mmm]Z` with a real date.
    public init(_ text: String) throws(DefinitionError) {
        guard let value = Self.parse(Array(text.utf8)) else {
            throw DefinitionError(
                code: "instant", summary: "\(text.debugDescription) is no moment in UTC.",
                remedy: "Write it as 2026-11-20T09:12:00Z.")
        }
        self.init(millisecondsSince1970: value)
    }

    private static func parse(_ bytes: [UInt8]) -> Int64? {
        guard bytes.count == 20 || bytes.count == 24, bytes.last == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        for (index, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        where bytes[index] != mark.utf8.first { return nil }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            year >= 1970, (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var milliseconds: Int64 = 0
        if bytes.count == 24 {
            guard bytes[19] == UInt8(ascii: "."), let value = number(20..<23) else { return nil }
            milliseconds = value
        }
        let days = daysSince1970(year: year, month: month, day: day)
        return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milliseconds
    }

    public var description: String {
        let (days, inDay) = millisecondsSince1970.quotientAndRemainderFloored(dividingBy: 86_400_000)
        let (year, month, day) = Self.civil(daysSince1970: days)
        func pad(_ value: Int64, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let time =
            "\(pad(inDay / 3_600_000, 2)):\(pad(inDay / 60_000 % 60, 2)):\(pad(inDay / 1000 % 60, 2))"
        let fraction = inDay % 1000 == 0 ? "" : ".\(pad(inDay % 1000, 3))"
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(time)\(fraction)Z"
    }

    /// Without the fraction, as TUF's `expires` wants it; rounded down.
    public var wholeSeconds: UTCInstant {
        UTCInstant(secondsSince1970: millisecondsSince1970.quotientAndRemainderFloored(dividingBy: 1000).0)
    }

    public static func < (left: Self, right: Self) -> Bool {
        left.millisecondsSince1970 < right.millisecondsSince1970
    }

    public static func + (instant: Self, span: TimeSpan) -> Self {
        Self(millisecondsSince1970: instant.millisecondsSince1970 + span.milliseconds)
    }

    public static func - (instant: Self, span: TimeSpan) -> Self {
        Self(millisecondsSince1970: instant.millisecondsSince1970 - span.milliseconds)
    }

    /// How long from `start` until this moment; negative if it is earlier.
    public func since(_ start: Self) -> TimeSpan {
        TimeSpan(milliseconds: millisecondsSince1970 - start.millisecondsSince1970)
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    // Days and dates after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

    static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.quotientAndRemainderFloored(dividingBy: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func civil(daysSince1970: Int64) -> (Int64, Int64, Int64) {
        let (era, dayOfEra) = (daysSince1970 + 719_468).quotientAndRemainderFloored(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Int64 {
    func quotientAndRemainderFloored(dividingBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
