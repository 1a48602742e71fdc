import Testing

@testable import ReleasePackaging

@Suite("Cutting where the content says so")
struct ContentCutterTests {
    private func cuts(_ bytes: [UInt8]) -> [Int] {
        bytes.withUnsafeBytes { bytes in
            var (lengths, rest) = ([Int](), bytes)
            while !rest.isEmpty {
                lengths.append(ContentCutter.cut(rest))
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(lengths[lengths.count - 1]))
            }
            return lengths
        }
    }

    private static let noise = PackagingFixture.noise(seed: 99, size: 2_000_000)

    @Test("Pieces have 48 to 256 KiB, about 80 KiB on average")
    func sizes() {
        let lengths = cuts(Self.noise)
        #expect(lengths.dropLast().allSatisfy { (48 << 10...256 << 10).contains($0) })
        #expect(lengths.reduce(0, +) == Self.noise.count)
        #expect((70 << 10...90 << 10).contains(Self.noise.count / lengths.count))
    }

    @Test("An inserted byte moves the cuts near it and no others")
    func insertion() {
        let before = cuts(Self.noise)
        let after = cuts(Array(Self.noise[..<700_000]) + [42] + Array(Self.noise[700_000...]))
        var (one, other) = (before, after)
        while let last = one.last, last == other.last { (_, _) = (one.removeLast(), other.removeLast()) }
        #expect(before.count - one.count > 10)
        #expect(zip(one, other).drop { $0 == $1 }.underestimatedCount <= 4)
    }

    @Test("Bytes without any change are cut at the greatest size, and few bytes not at all")
    func edges() {
        #expect(cuts([UInt8](repeating: 0, count: 600_000)) == [262_144, 262_144, 75_712])
        #expect(cuts([]).isEmpty)
        #expect(cuts([1]) == [1])
        #expect(cuts([UInt8](repeating: 1, count: 48 << 10)) == [48 << 10])
    }
}
