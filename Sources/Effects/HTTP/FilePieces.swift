import NIOCore
import ReleaseDefinition

/// A file in pieces as a request's body: one piece in memory, the next is read when that one was taken.
struct FilePieces: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    static let pieceSize = 1 << 18

    let file: OpenFile
    /// What was announced; a file that grew is not followed.
    let size: Int64
    /// Is told how many bytes were handed over, after each piece.
    var sent: (@Sendable (Int64) -> Void)?

    struct AsyncIterator: AsyncIteratorProtocol {
        let file: OpenFile
        let size: Int64
        var sent: (@Sendable (Int64) -> Void)?
        var offset: Int64 = 0

        mutating func next() async throws -> ByteBuffer? {
            guard offset < size else { return nil }
            let bytes = try file.read(at: offset, count: Int(Swift.min(Int64(pieceSize), size - offset)))
            guard !bytes.isEmpty else {
                throw EffectsError(
                    code: "file.changed",
                    summary: "\(file.path) ended after \(offset) bytes, \(size) were announced.",
                    remedy: "Send it again when nobody writes to it.")
            }
            offset += Int64(bytes.count)
            sent?(offset)
            return ByteBuffer(bytes: bytes)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(file: file, size: size, sent: sent) }
}
