/// The one source of randomness.
public protocol RandomDoor: Sendable {
    func bytes(_ count: Int) -> [UInt8]
}

extension RandomDoor {
    /// Evenly from 0 up to and including `bound`.
    public func fraction(of bound: Int64) -> Int64 {
        guard bound > 0 else { return 0 }
        let value = bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int64(value % (UInt64(bound) + 1))
    }
}
