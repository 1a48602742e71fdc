import Synchronization

/// Memory for one user after another: as large as the largest need so far. For one thread at a time.
final class GrowingBuffer {
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    deinit { buffer.deallocate() }

    func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if count > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: count, alignment: 16)
        }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    }
}

/// The memory of decoded frames, each of the largest size: what one is done with, the next is written into. The allocator
/// would keep a hole for each size instead.
final class FramePool: Sendable {
    /// `@unchecked Sendable`: an address; who holds it is told below.
    private struct Free: @unchecked Sendable { var buffer: UnsafeMutableRawBufferPointer }

    private let free = Mutex<[Free]>([])

    deinit { free.withLock { for it in $0 { it.buffer.deallocate() } } }

    /// - Parameter count: at most `PatchFormat.frameSizeMax`, which the head was checked for.
    func take(_ count: Int) -> FrameBytes {
        let buffer =
            free.withLock { $0.popLast() }?.buffer
            ?? .allocate(byteCount: PatchFormat.frameSizeMax, alignment: 16)
        return FrameBytes(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), of: self)
    }

    fileprivate func give(back bytes: UnsafeMutableRawBufferPointer) {
        let whole = UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: PatchFormat.frameSizeMax)
        free.withLock { $0.append(Free(buffer: whole)) }
    }
}

/// A decoded frame. Its memory goes back to the pool with the last one who reads it.
///
/// `@unchecked Sendable`: written by the one thread that decodes, only read after it was handed on.
final class FrameBytes: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    private let pool: FramePool

    fileprivate init(_ bytes: UnsafeMutableRawBufferPointer, of pool: FramePool) {
        self.bytes = bytes
        self.pool = pool
    }

    deinit { pool.give(back: bytes) }
}
