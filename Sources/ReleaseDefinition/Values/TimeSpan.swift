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
