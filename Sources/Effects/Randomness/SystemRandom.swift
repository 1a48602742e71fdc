import Synchronization

/// The kernel's generator.
public struct SystemRandom: RandomDoor {
    public init() {}

    public func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return RandomBytes.make(count) { generator.next() }
    }
}

/// The same seed, the same bytes: the twin of `SystemRandom` for tests and simulation. Never for secrets.
public final class SeededRandom: RandomDoor {
    private let state: Mutex<UInt64>

    public init(seed: UInt64) { state = Mutex(seed) }

    public func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in RandomBytes.make(count) { Self.next(&state) } }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    private static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

private enum RandomBytes {
    static func make(_ count: Int, word: () -> UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(max(count, 0))
        while bytes.count < count {
            var left = word()
            for _ in 0..<min(8, count - bytes.count) {
                bytes.append(UInt8(truncatingIfNeeded: left))
                left >>= 8
            }
        }
        return bytes
    }
}
