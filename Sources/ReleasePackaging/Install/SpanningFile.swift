import Effects
import ReleaseDefinition
import Synchronization

/// A file whose pieces are written by several threads in any order and hashed in the right one: whoever writes the next
/// piece hashes it from memory, and what was written ahead of it from the page cache; the others go on meanwhile.
final class SpanningFile: Sendable {
    let file: OpenFile
    private let length: Int64
    private let state = Mutex(State())

    private struct State: ~Copyable {
        /// Out of here while a thread computes.
        var hasher: SHA256Hasher? = SHA256Hasher()
        var hashed: Int64 = 0
        /// Written but not hashed: by their starts, the ends.
        var ahead: [Int64: Int64] = [:]
    }

    init(_ file: OpenFile, length: Int64) {
        self.file = file
        self.length = length
    }

    /// - Returns: the file's digest to whoever completed it, nil to the others.
    func write(_ piece: UnsafeRawBufferPointer, at offset: Int64) throws -> SHA256Digest? {
        try file.write(piece, at: offset)
        var end = offset + Int64(piece.count)
        var mine: SHA256Hasher? = state.withLock { state in
            if state.hashed == offset, let hasher = state.hasher.take() { return hasher }
            state.ahead[offset] = end
            return nil
        }
        mine?.update(piece)
        while mine != nil {
            let next = state.withLock { state -> Int64? in
                state.hashed = end
                if let next = state.ahead.removeValue(forKey: end) { return next }
                if end < length { state.hasher = mine.take() }
                return nil
            }
            guard let next else { return mine.take()?.finish() }
            try file.hash(end..<next, into: &mine)
            end = next
        }
        return nil
    }
}
