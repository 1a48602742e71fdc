import ReleaseDefinition

/// A stretch of the stream in memory, on its way from the files to the last member that has bytes of it.
///
/// `@unchecked Sendable`: `fill` has it alone, before anybody else knows it. Then everybody reads `bytes`, `parts` and
/// `digests`; only the one thread that cuts writes, into the room before `bytes`, which the digests do not look at and the
/// pieces only after the cut. `uses` is touched under the lock of the build alone; at 0 it is filled again.
final class StreamSlab: @unchecked Sendable {
    static let size = 1 << 19
    /// Room before the bytes for those of the slab before that were too few to be cut.
    static let headRoom = ContentCutter.sizeMax

    var number = 0
    var count = 0
    /// What files lie in it in part, in order.
    var parts: [SourceStream.Part] = []
    /// The digests of the files that lie in it as a whole, by their places.
    var digests: [(place: Int, digest: SHA256Digest)] = []
    /// Who still needs the bytes: the digests of the stream and of its files, the cut of the next slab, pieces that are not
    /// written.
    var uses = 0
    private let memory: UnsafeMutableRawBufferPointer

    init() { memory = .allocate(byteCount: Self.headRoom + Self.size, alignment: 64) }

    deinit { memory.deallocate() }

    /// The stream's bytes.
    var bytes: UnsafeRawBufferPointer { self[0..<count] }

    /// Negative numbers are the carried bytes.
    subscript(range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[Self.headRoom + range.lowerBound..<Self.headRoom + range.upperBound])
    }

    func fill(from stream: SourceStream) throws {
        let start = Int64(number) * Int64(Self.size)
        count = Int(clamping: min(Int64(Self.size), stream.length - start))
        let buffer = UnsafeMutableRawBufferPointer(rebasing: memory[Self.headRoom..<Self.headRoom + count])
        parts.removeAll(keepingCapacity: true)
        digests.removeAll(keepingCapacity: true)
        for part in try stream.read(at: start, into: buffer) {
            if part.isWhole {
                digests.append((part.place, SHA256Digest(of: self[part.range])))
            } else {
                parts.append(part)
            }
        }
    }

    /// Puts the last bytes of the slab before it into the room; answers where they begin.
    func carry(_ bytes: UnsafeRawBufferPointer) -> Int {
        UnsafeMutableRawBufferPointer(rebasing: memory[(Self.headRoom - bytes.count)..<Self.headRoom])
            .copyMemory(from: bytes)
        return -bytes.count
    }
}
