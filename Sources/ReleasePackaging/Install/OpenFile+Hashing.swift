import Effects
import ReleaseDefinition

/// A thread's buffer for reading files; below the size from which the allocator asks the system each time.
enum FileBuffer {
    static let size = 96 << 10
}

extension OpenFile {
    /// A part that was just written, from the page cache.
    func hash(_ range: Range<Int64>, into hasher: inout SHA256Hasher?) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileBuffer.size, alignment: 16)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let wanted = Int(clamping: min(Int64(buffer.count), range.upperBound - position))
            let count = try read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            // Somebody cut the file: the digest will say so.
            guard count > 0 else { return }
            hasher?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += Int64(count)
        }
    }

    /// The digest of the first `length` bytes and no further: the file may be growing.
    func digest(upTo length: ByteCount, buffer: UnsafeMutableRawBufferPointer) throws -> SHA256Digest {
        var hasher = SHA256Hasher()
        try forEachPiece(upTo: length, buffer: buffer) { hasher.update($0) }
        return hasher.finish()
    }

    func forEachPiece(
        upTo length: ByteCount, buffer: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var position: Int64 = 0
        while position < length.value {
            let wanted = Int(clamping: min(Int64(buffer.count), length.value - position))
            let count = try read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            guard count > 0 else { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += Int64(count)
        }
    }
}
