/// SplitMix64: the same seed, the same world.
public struct SeededChoice: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678 }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Of a range that is not empty.
    public mutating func number(_ range: Range<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(max(1, range.count)))
    }

    public mutating func chance(_ percent: Int) -> Bool { number(0..<100) < percent }

    /// Of values that are not empty.
    public mutating func one<T>(_ values: [T]) -> T { values[number(0..<values.count)] }
}
