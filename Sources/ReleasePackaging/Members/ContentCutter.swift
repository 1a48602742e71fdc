/// Cuts a stream where its content says so, so that an insertion moves the cuts near it and no others.
///
/// FastCDC: a gear hash of the last 64 bytes; below `sizeNormal` a cut needs 18 zero bits, above it 14, which keeps sizes
/// near 85 KiB. Source: Xia et al., "FastCDC", USENIX ATC 2016.
enum ContentCutter {
    /// Names the rule in the build record; another number or table is another rule.
    static let rule = "gear 48-64-256 KiB"
    static let sizeMin = 48 << 10
    static let sizeNormal = 64 << 10
    static let sizeMax = 256 << 10
    private static let strictShift: UInt64 = 64 - 18
    private static let looseShift: UInt64 = 64 - 14
    /// The hash forgets a byte after 64 others.
    private static let window = 64

    /// How long the first piece of `bytes` is. Needs `sizeMax` bytes or all that are left of the stream.
    static func cut(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = min(bytes.count, sizeMax)
        guard count > sizeMin, let base = bytes.baseAddress else { return count }
        return GearTable.values.withUnsafeBufferPointer { gear in
            guard let gear = gear.baseAddress else { return count }
            var hash: UInt64 = 0
            var position = sizeMin - window
            while position < sizeMin {
                hash = (hash &<< 1) &+ gear[Int(base.load(fromByteOffset: position, as: UInt8.self))]
                position &+= 1
            }
            let normal = min(count, sizeNormal)
            while position < normal {
                hash = (hash &<< 1) &+ gear[Int(base.load(fromByteOffset: position, as: UInt8.self))]
                position &+= 1
                if hash &>> strictShift == 0 { return position }
            }
            while position < count {
                hash = (hash &<< 1) &+ gear[Int(base.load(fromByteOffset: position, as: UInt8.self))]
                position &+= 1
                if hash &>> looseShift == 0 { return position }
            }
            return count
        }
    }
}
