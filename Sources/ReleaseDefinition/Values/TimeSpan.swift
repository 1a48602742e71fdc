/// A length of time to the millisecond, written as people do: `500ms`, `30s`, `2m`, `1h`, `7d`.
public struct TimeSpan: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
    public static func milliseconds(_ value: Int64) -> Self { Self(milliseconds: value) }
    public static func seconds(_ value: Int64) -> Self { Self(milliseconds: value * 1000) }
    public static func minutes(_ value: Int64) -> Self { .seconds(value * 60) }
    public static func hours(_ value: Int64) -> Self { .minutes(value * 60) }
    public static func days(_ value: Int64) -> Self { .hours(value * 24) }
    public static let zero = Self(milliseconds: 0)

    private static let units: [(String, Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// - Throws: `definition.timeSpan`: a whole number and one unit are expected; at most ten years.
    public init(_ text: String) throws(DefinitionError) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count)
        guard let value = Int64(digits), let scale = Self.units.first(where: { $0.0 == unit })?.1,
            value <= Self.days(3650).milliseconds / scale
        else {
            throw DefinitionError(
                code: "timeSpan", summary: "\(text.debugDescription) is no length of time.",
                remedy: "Write a whole number and ms, s, m, h or d, as 30s or 5m; ten years at most.")
        }
        milliseconds = value * scale
    }

    public var duration: Duration { .milliseconds(milliseconds) }

    public var description: String {
        if milliseconds == 0 { return "0s" }
        let (unit, scale) = Self.units.last { milliseconds.isMultiple(of: $0.1) } ?? ("ms", 1)
        return "\(milliseconds / scale)\(unit)"
    }

    /// For people, to two units: `850ms`, `39.7s`, `12m 5s`, `3h 20m`, `2d 4h`.
    public var words: String {
        let (seconds, minutes, hours) = (milliseconds / 1000, milliseconds / 60_000, milliseconds / 3_600_000)
        func pair(_ first: Int64, _ unit: String, _ second: Int64, _ smaller: String) -> String {
            second == 0 ? "\(first)\(unit)" : "\(first)\(unit) \(second)\(smaller)"
        }
        if seconds == 0 { return milliseconds == 0 ? "0s" : "\(milliseconds)ms" }
        if minutes == 0 {
            return milliseconds % 1000 < 100 ? "\(seconds)s" : "\(seconds).\(milliseconds % 1000 / 100)s"
        }
        if hours == 0 { return pair(minutes, "m", seconds % 60, "s") }
        return hours < 24 ? pair(hours, "h", minutes % 60, "m") : pair(hours / 24, "d", hours % 24, "h")
    }

    public static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }
    public static func + (left: Self, right: Self) -> Self {
        Self(milliseconds: left.milliseconds + right.milliseconds)
    }
    public static func * (left: Self, right: Int64) -> Self { Self(milliseconds: left.milliseconds * right) }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
