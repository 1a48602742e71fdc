import Effects
import ReleaseDefinition
import ReleasePackaging

/// Bytes that come one after another. For one thread.
protocol ByteStream: AnyObject {
    /// The next bytes, lent until the next call; empty only at the end.
    func next() throws -> UnsafeRawBufferPointer
}

/// A file from its beginning, hashed on the way.
final class FileStream: ByteStream {
    private let file: OpenFile
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private var hasher: SHA256Hasher? = SHA256Hasher()
    private(set) var length: Int64 = 0

    init(_ file: OpenFile) { self.file = file }

    deinit { buffer.deallocate() }

    func next() throws -> UnsafeRawBufferPointer {
        let got = try file.read(at: length, into: buffer)
        let piece = UnsafeRawBufferPointer(rebasing: buffer[..<got])
        hasher?.update(piece)
        length += Int64(got)
        return piece
    }

    /// Of the whole file, whatever of it was asked for. Called once, last.
    func finish() throws -> BlobReference {
        while try !next().isEmpty {}
        guard let hasher = hasher.take() else { preconditionFailure("a file is finished once") }
        return BlobReference(sha256: hasher.finish(), length: ByteCount(length))
    }
}

/// Another stream in pieces of one size, of which only the last may be shorter; it counts, and stops at a bound.
///
/// The tar reader behind it looks ahead by a block at most, so that what it has not used lies within the last piece.
final class EvenStream: ByteStream {
    static let pieceSize = 1 << 16

    private let source: any ByteStream
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceSize, alignment: 16)
    private var waiting = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What was handed out last.
    private(set) var last = UnsafeRawBufferPointer(start: nil, count: 0)
    private(set) var length: Int64 = 0
    private let check: (Int64) throws -> Void

    /// - Parameter check: is told the length after each piece; throws where it is too much.
    init(_ source: any ByteStream, check: @escaping (Int64) throws -> Void) {
        self.source = source
        self.check = check
    }

    deinit { buffer.deallocate() }

    func next() throws -> UnsafeRawBufferPointer {
        var filled = 0
        while filled < buffer.count {
            if waiting.isEmpty { waiting = try source.next() }
            if waiting.isEmpty { break }
            let count = min(waiting.count, buffer.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: waiting[..<count]))
            waiting = UnsafeRawBufferPointer(rebasing: waiting[count...])
            filled += count
        }
        last = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
        length += Int64(filled)
        try check(length)
        return last
    }
}
