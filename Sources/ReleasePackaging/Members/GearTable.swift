/// 256 numbers that look random, one for each byte value. They are part of the format: another table cuts elsewhere,
/// and no member of an older package would be found again.
enum GearTable {
    static let values: [UInt64] = {
        // SplitMix64 from a fixed seed ("slipway" in ASCII). Source: Steele, Lea, Flood, OOPSLA 2014.
        var state: UInt64 = 0x0073_6C69_7077_6179
        return (0..<256).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }()
}
