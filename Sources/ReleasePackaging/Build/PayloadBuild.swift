import Effects
import ReleaseDefinition

/// Builds one payload: reads and cuts on whichever thread is free to, compresses on all, writes in order.
///
/// Memory: pieces that are read and not yet written are at most `4 × jobs`.
///
/// `@unchecked Sendable`: `source` and `tarHasher` are only used by the thread that set `isReading`, `sink` only inside `pieces.update`.
final class PayloadBuild: @unchecked Sendable {
    private struct Source {
        var stream: TarStream
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        var filled = 0..<0
        var isAtEnd = false
        var count = 0
        var tarLength: Int64 = 0
    }

    private struct Finished {
        var compressed: [UInt8]
        var member: PayloadMember
    }

    private struct Pieces {
        var waiting: [Int: Finished] = [:]
        var members: [PayloadMember] = []
        var isReading = false
        var isFailed = false
    }

    private let blobs: BlobStore
    private let level: Int
    private let jobs: Int
    private let warm: WarmMembers?
    private var source: Source
    private var tarHasher: SHA256Hasher? = SHA256Hasher()
    private let sink: BlobWriter
    private let pieces = Monitor(Pieces())

    init(
        root: Directory, entries: [ScannedEntry], into blobs: BlobStore, warm: WarmMembers?, level: Int,
        jobs: Int
    ) throws {
        self.blobs = blobs
        self.level = level
        self.jobs = max(1, min(jobs, 256))
        self.warm = warm
        source = Source(stream: TarStream(root: root, entries: entries))
        sink = try blobs.newBlob()
    }

    deinit { source.buffer.deallocate() }

    struct Result {
        var compressed: BlobReference
        var tar: BlobReference
        var members: [PayloadMember]
        /// By the place of the entry; nil for folders and links.
        var digests: [SHA256Digest?]
    }

    /// Called once.
    func run() throws -> Result {
        try Workers.run(jobs) { [self] in
            do { try work() } catch {
                pieces.update { $0.isFailed = true }
                throw error
            }
        }
        let compressed = try sink.finish()
        let members = pieces.update { $0.members }
        guard let tarHasher = tarHasher.take() else { preconditionFailure("a payload is built once") }
        return Result(
            compressed: compressed, tar: BlobReference(sha256: tarHasher.finish(), length: ByteCount(source.tarLength)),
            members: members, digests: source.stream.digests)
    }

    private func work() throws {
        let compressor = try MemberCompressor(level: level)
        while let (number, piece) = try nextPiece() {
            let finished = try piece.withUnsafeBytes { try finish($0, compressor) }
            try pieces.update { pieces in
                pieces.waiting[number] = finished
                while let next = pieces.waiting.removeValue(forKey: pieces.members.count) {
                    try sink.write(next.compressed)
                    pieces.members.append(next.member)
                }
            }
        }
    }

    private func finish(_ piece: UnsafeRawBufferPointer, _ compressor: MemberCompressor) throws -> Finished {
        var hasher = SHA256Hasher()
        hasher.update(piece)
        let tar = BlobReference(sha256: hasher.finish(), length: ByteCount(piece.count))
        if let (member, bytes) = try warm?.member(of: tar) { return Finished(compressed: bytes, member: member) }
        let bytes = Array(try compressor.member(of: piece))
        return Finished(compressed: bytes, member: PayloadMember(compressed: BlobReference(of: bytes), tar: tar))
    }

    /// The next piece and its number, when it is this thread's turn to read and not too many are under way.
    private func nextPiece() throws -> (Int, [UInt8])? {
        let mayRead = pieces.wait { [jobs] pieces -> Bool? in
            if pieces.isFailed { return false }
            guard !pieces.isReading else { return nil }
            guard source.count - pieces.members.count < 4 * jobs else { return nil }
            pieces.isReading = true
            return true
        }
        guard mayRead else { return nil }
        defer { pieces.update { $0.isReading = false } }
        return try readPiece()
    }

    private func readPiece() throws -> (Int, [UInt8])? {
        let buffer = source.buffer
        if source.filled.count < ContentCutter.sizeMax, !source.isAtEnd {
            let kept = source.filled.count
            UnsafeMutableRawBufferPointer(rebasing: buffer[..<kept])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[source.filled]))
            source.filled = 0..<kept
            while source.filled.count < buffer.count {
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer[source.filled.upperBound...])
                let count = try source.stream.read(into: room)
                if count == 0 {
                    source.isAtEnd = true
                    break
                }
                source.filled = 0..<source.filled.upperBound + count
            }
        }
        guard !source.filled.isEmpty else { return nil }
        let length = ContentCutter.cut(UnsafeRawBufferPointer(rebasing: buffer[source.filled]))
        let range = source.filled.lowerBound..<source.filled.lowerBound + length
        let piece = UnsafeRawBufferPointer(rebasing: buffer[range])
        tarHasher?.update(piece)
        source.tarLength += Int64(length)
        source.filled = range.upperBound..<source.filled.upperBound
        defer { source.count += 1 }
        return (source.count, Array(piece))
    }
}

/// Members of an earlier payload by the tar bytes they hold, to be used again as they are.
struct WarmMembers: Sendable {
    private let payload: OpenFile
    private let members: [SHA256Digest: (offset: Int64, member: PayloadMember)]

    init(_ index: PayloadIndex, payload: OpenFile) {
        var found: [SHA256Digest: (Int64, PayloadMember)] = [:]
        var offset: Int64 = 0
        for member in index.members {
            found[member.tar.sha256] = (offset, member)
            offset += member.compressed.length.value
        }
        (self.payload, members) = (payload, found)
    }

    /// nil where there is none, or where it is damaged.
    func member(of tar: BlobReference) throws -> (PayloadMember, [UInt8])? {
        guard let (offset, member) = members[tar.sha256], member.tar == tar else { return nil }
        let bytes = try payload.read(at: offset, count: Int(clamping: member.compressed.length.value))
        return BlobReference(of: bytes) == member.compressed ? (member, bytes) : nil
    }
}
