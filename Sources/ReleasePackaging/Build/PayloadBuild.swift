import Effects
import ReleaseDefinition

/// Builds one payload on several threads. Each takes whatever can be done: read a slab of the stream and hash the files in
/// it, hash the stream, cut a slab into pieces, compress a piece, write members. Reading and compressing go on side by
/// side; the digest of the stream, those of large files, the cuts and the writing are each one thread's at a time, in the
/// order of the stream.
///
/// Memory: `2 × jobs + 2` slabs and their compressed members, whatever the payload: a slab is filled again when the members
/// that have bytes of it are written.
///
/// `@unchecked Sendable`: `tarHasher` is only used by the thread that has `.hash`, `files` by the one that has `.hashFiles`,
/// `cutter` by the one that has `.cut`, `sink` by the one that has `.write`; `PayloadSchedule` gives each of these to one
/// thread at a time.
final class PayloadBuild: @unchecked Sendable {
    struct Result {
        /// Not finished yet: whoever gets it names it or gives it up.
        var sink: BlobWriter
        var tar: BlobReference
        var members: [PayloadMember]
        /// By the place of the entry; nil for folders and links.
        var digests: [SHA256Digest?]
    }

    private let stream: SourceStream
    private let warm: WarmMembers?
    private let level: Int
    private let jobs: Int
    private let schedule: Monitor<PayloadSchedule>
    private var tarHasher: SHA256Hasher? = SHA256Hasher()
    private var files: FileHasher
    private var cutter: StreamCutter
    private let sink: BlobWriter
    private let progress: @Sendable (ByteCount) -> Void

    /// - Parameter progress: told the bytes of the stream that were written since it was told last.
    init(
        _ stream: SourceStream, into sink: BlobWriter, warm: WarmMembers?, level: Int, jobs: Int,
        progress: @escaping @Sendable (ByteCount) -> Void
    ) {
        let slabCount = Int((stream.length + Int64(StreamSlab.size) - 1) / Int64(StreamSlab.size))
        self.stream = stream
        self.sink = sink
        self.warm = warm
        self.level = level
        self.jobs = max(1, min(jobs, slabCount * 4, 256))
        self.progress = progress
        schedule = Monitor(PayloadSchedule(slabCount: slabCount, slabsMax: 2 * self.jobs + 2))
        files = FileHasher(entries: stream.entries.count)
        cutter = StreamCutter(slabCount: slabCount)
    }

    /// Called once.
    func run() throws -> Result {
        try Workers.run(jobs) { [self] in
            do { try work() } catch {
                schedule.update { $0.isFailed = true }
                throw error
            }
        }
        guard let tarHasher = tarHasher.take() else { preconditionFailure("a payload is built once") }
        return Result(
            sink: sink, tar: BlobReference(sha256: tarHasher.finish(), length: ByteCount(stream.length)),
            members: schedule.update { $0.members }, digests: files.digests)
    }

    private func work() throws {
        let compressor = try MemberCompressor(level: level)
        while true {
            switch schedule.wait({ $0.next() }) {
            case .fill(let slab):
                try slab.fill(from: stream)
                schedule.update { $0.filled(slab) }
            case .hash(let slab):
                tarHasher?.update(slab.bytes)
                schedule.update { $0.hashed(slab) }
            case .hashFiles(let slab):
                files.hash(slab)
                schedule.update { $0.hashedFiles(slab) }
            case .cut(let slab):
                let ranges = cutter.cut(slab)
                schedule.update { $0.cut(slab, into: ranges) }
            case .compress(let piece):
                let finished = try finish(piece.slab[piece.range], compressor)
                schedule.update { $0.compressed(piece, finished) }
            case .write(let members):
                for member in members { try sink.write(member.bytes) }
                schedule.update { $0.wrote(members) }
                progress(ByteCount(members.reduce(0) { $0 + $1.member.tar.length.value }))
            case .end: return
            }
        }
    }

    private func finish(
        _ piece: UnsafeRawBufferPointer, _ compressor: MemberCompressor
    ) throws -> PayloadSchedule.Finished {
        let tar = BlobReference(sha256: SHA256Digest(of: piece), length: ByteCount(piece.count))
        if let (member, bytes) = try warm?.member(of: tar) { return .init(bytes: bytes, member: member) }
        let bytes = try compressor.member(of: piece)
        return .init(bytes: bytes, member: PayloadMember(compressed: BlobReference(of: bytes), tar: tar))
    }
}

/// Hashes the files that no slab holds as a whole, and collects the digests of all. For one thread at a time, slab after
/// slab.
struct FileHasher: ~Copyable {
    private(set) var digests: [SHA256Digest?]
    private var hasher: SHA256Hasher?

    init(entries: Int) { digests = Array(repeating: nil, count: entries) }

    mutating func hash(_ slab: StreamSlab) {
        for (place, digest) in slab.digests { digests[place] = digest }
        for part in slab.parts {
            if part.offset == 0 { hasher = SHA256Hasher() }
            hasher?.update(slab[part.range])
            if part.isLast { digests[part.place] = hasher.take()?.finish() }
        }
    }
}

/// Cuts slab after slab. For one thread at a time.
struct StreamCutter {
    private let slabCount: Int
    /// What is left of the slab before.
    private var carried: (slab: StreamSlab, range: Range<Int>)?

    init(slabCount: Int) { self.slabCount = slabCount }

    /// Where the pieces lie that begin in the slab or in what was carried to it.
    mutating func cut(_ slab: StreamSlab) -> [Range<Int>] {
        var start = 0
        if let carried { start = slab.carry(carried.slab[carried.range]) }
        let enough = slab.number == slabCount - 1 ? 1 : ContentCutter.sizeMax
        var pieces: [Range<Int>] = []
        while slab.count - start >= enough {
            let length = ContentCutter.cut(slab[start..<slab.count])
            pieces.append(start..<start + length)
            start += length
        }
        carried = (slab, start..<slab.count)
        return pieces
    }
}
