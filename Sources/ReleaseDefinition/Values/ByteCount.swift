/// A number of bytes, never negative.
public struct ByteCount: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let value: Int64

    public init(_ value: some BinaryInteger) { self.value = Int64(clamping: max(0, value)) }

    public init(from decoder: any Decoder) throws {
        let value = try Int64(from: decoder)
        guard value >= 0 else {
            throw DefinitionError(
                code: "byteCount", summary: "\(value) is no number of bytes.", remedy: "Write zero or more.")
        }
        self.value = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }

    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    /// `812 B`, `4.2 KiB`, `31.0 MiB`: for people.
    public var description: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var (whole, rest, unit) = (value, Int64(0), 0)
        while whole >= 1024 { (whole, rest, unit) = (whole / 1024, whole % 1024, unit + 1) }
        return unit == 0 ? "\(value) B" : "\(whole).\(rest * 10 / 1024) \(units[unit])"
    }
}
