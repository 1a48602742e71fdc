import Effects
import Glibc
import ReleaseDefinition
import Synchronization

/// A file whose pieces are written by several threads in any order and hashed in the right one: whoever writes the next
/// piece hashes it from memory, and what was written ahead of it from the page cache; the others go on meanwhile.
final class SpanningFile: Sendable {
    let file: OpenFile
    private let length: Int64
    private let state = Mutex(State())

    /// No piece is longer than a member.
    private static let zeros = [UInt8](repeating: 0, count: ContentCutter.sizeMax)

    private struct State: ~Copyable {
        /// Out of here while a thread computes.
        var hasher: SHA256Hasher? = SHA256Hasher()
        var hashed: Int64 = 0
        var hasHole = false
        /// Written but not hashed: by their starts, the ends and whether they are holes.
        var ahead: [Int64: (end: Int64, isHole: Bool)] = [:]
    }

    /// - Parameter file: empty; zeros are left out of it.
    init(_ file: OpenFile, length: Int64) {
        self.file = file
        self.length = length
    }

    /// - Returns: the file's digest to whoever completed it, nil to the others.
    func write(_ piece: UnsafeRawBufferPointer, at offset: Int64) throws -> SHA256Digest? {
        // A hole reads as zeros and costs no disk.
        let isHole = piece.isZeros
        if !isHole { try file.write(piece, at: offset) }
        var end = offset + Int64(piece.count)
        var mine: SHA256Hasher? = state.withLock { state in
            state.hasHole = state.hasHole || isHole
            if state.hashed == offset, let hasher = state.hasher.take() { return hasher }
            state.ahead[offset] = (end, isHole)
            return nil
        }
        mine?.update(piece)
        while mine != nil {
            let next = state.withLock { state -> (end: Int64, isHole: Bool)? in
                state.hashed = end
                if let next = state.ahead.removeValue(forKey: end) { return next }
                if end < length { state.hasher = mine.take() }
                return nil
            }
            guard let next else {
                guard let complete = mine.take() else { return nil }
                // What ends in a hole does not have its length yet.
                if state.withLock({ $0.hasHole }) { try file.truncate(to: ByteCount(length)) }
                return complete.finish()
            }
            if next.isHole {
                // Zeros that are here: reading a hole would fill the page cache with them.
                Self.zeros.withUnsafeBytes {
                    mine?.update(UnsafeRawBufferPointer(rebasing: $0[..<Int(next.end - end)]))
                }
            } else {
                try file.hash(end..<next.end, into: &mine)
            }
            end = next.end
        }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// Whether there is nothing but zeros; the first other byte ends the look.
    fileprivate var isZeros: Bool {
        guard let first else { return true }
        guard first == 0, count > 1, let baseAddress else { return first == 0 }
        return memcmp(baseAddress, baseAddress + 1, count - 1) == 0
    }
}
