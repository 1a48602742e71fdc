extension FixedWidthInteger {
    /// The number that digits say, and nothing beside digits: `Int64("+5")` is 5, which other readers of the same text
    /// take for 0 or refuse. nil for no text, a sign, a space, another alphabet's digits and what is too large.
    public init?(digits text: some StringProtocol, radix: Int = 10) {
        guard (2...10).contains(radix), !text.isEmpty,
            text.utf8.allSatisfy({ (0x30..<0x30 + radix).contains(Int($0)) }), let value = Self(text, radix: radix)
        else { return nil }
        self = value
    }
}
