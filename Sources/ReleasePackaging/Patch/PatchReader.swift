import Effects
import ReleaseDefinition
import Synchronization

/// Members of a new payload from a patch and the tree of the old release. It reads the new index as well, so that nothing
/// but the patch is fetched.
///
/// A patch needs no approval: what comes out counts only if it has the digests of the new index, which the manifest binds.
/// A crafted one can waste time within the format's bounds. Memory, whatever the payload: at most `decodersMax` frames are
/// decoded at once (references and input: 5 MiB each), `framesKeptMax` are kept and one for each thread that reads (1 MiB
/// each); and the two indexes.
public final class PatchReader: MemberReader {
    static let decodersMax = 2
    static let framesKeptMax = 3

    public let index: PayloadIndex
    private let old: any OldStream
    private let file: OpenFile
    private let head: PatchHead
    private let offsets: [Int64]
    private let starts: [Int64]
    private let oldMembers: [BlobReference: Int]
    private let oldStarts: [Int64]
    private let state: Monitor<State>
    private let idle = Mutex<[Decoder]>([])
    private let frames = FramePool()

    private struct State {
        var ready: [Int: FrameBytes] = [:]
        var underWay: Set<Int> = []
        /// What decoding a frame ended with; it is not tried again.
        var failures: [Int: any Error] = [:]
    }

    /// Opens a patch for what `record` binds.
    /// - Parameters:
    ///   - old: the stream that the patch refers to, and the text of its index.
    ///   - keep: is given the text of the new index; nobody else keeps it.
    /// - Throws: `packaging.patch.…`, `packaging.index.…`.
    public init(
        _ file: OpenFile, to record: PayloadRecord, from old: any OldStream, indexText oldText: [UInt8],
        keep: ([UInt8]) throws -> Void = { _ in }
    ) throws {
        // A quarter less memory than otherwise.
        Heap.mapLargePieces()
        self.file = file
        self.old = old
        let (head, headEnd) = try PatchHead.read(file)
        self.head = head
        guard head.from == BlobReference(of: oldText), head.to == record.indexText else {
            throw PatchFormat.refuse(
                "other",
                "leads from \(head.from.sha256.short) to \(head.to.sha256.short), not from"
                    + " \(SHA256Digest(of: oldText).short) to \(record.indexText.sha256.short)")
        }
        var offset = headEnd + Int64(head.indexLength)
        offsets = head.frames.map { frame in
            defer { offset += Int64(frame.length) }
            return offset
        }
        guard try file.size().value == offset else {
            throw PatchFormat.refuse("length", "has \(try file.size().value) bytes where its head says \(offset)")
        }
        let text = try Self.indexText(file, at: headEnd, head, oldText)
        index = try PayloadIndex(parsing: text, for: record)
        try head.check(old: old.index, new: index)
        try keep(text)
        starts = index.tarStarts
        oldMembers = Dictionary(old.index.members.enumerated().map { ($1.tar, $0) }) { first, _ in first }
        oldStarts = old.index.tarStarts
        state = Monitor(State())
    }

    private static func indexText(
        _ file: OpenFile, at offset: Int64, _ head: PatchHead, _ oldText: [UInt8]
    ) throws -> [UInt8] {
        let part = try file.read(at: offset, count: head.indexLength)
        guard part.count == head.indexLength else { throw PatchFormat.refuse("length", "ends in its index") }
        var text = [UInt8](repeating: 0, count: Int(clamping: head.to.length.value))
        try part.withUnsafeBytes { part in
            try oldText.withUnsafeBytes { prefix in
                try text.withUnsafeMutableBytes { try ZstdDecoder().decode(part, prefix: prefix, into: $0) }
            }
        }
        return text
    }

    /// - Throws: `packaging.patch.source` where the old release's files are not what they were, `packaging.patch.frame`,
    ///   `packaging.patch.digest`.
    public func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        if let frame = frame(of: number) {
            let bytes = try decoded(frame)
            let start = Int(starts[number] - starts[head.frames[frame].members.lowerBound])
            buffer.copyMemory(
                from: UnsafeRawBufferPointer(
                    rebasing: UnsafeRawBufferPointer(bytes.bytes)[start..<start + buffer.count]))
        } else if let place = oldMembers[index.members[number].tar] {
            try old.read(from: oldStarts[place], into: buffer)
        }
        var hasher = SHA256Hasher()
        hasher.update(UnsafeRawBufferPointer(buffer))
        guard hasher.finish() == index.members[number].tar.sha256 else {
            throw PatchFormat.refuse("digest", "makes other bytes of member \(number) than its index demands")
        }
    }

    /// The frame that holds a member; nil where the old payload has it.
    private func frame(of number: Int) -> Int? {
        var (low, high) = (0, head.frames.count)
        while low < high {
            let middle = (low + high) / 2
            if head.frames[middle].members.upperBound <= number { low = middle + 1 } else { high = middle }
        }
        return low < head.frames.count && head.frames[low].members.contains(number) ? low : nil
    }

    // MARK: Frames under way

    /// Members are asked for by several threads in ascending order, so several want the same frame: one decodes it, the
    /// others decode what comes next or wait.
    private func decoded(_ frame: Int) throws -> FrameBytes {
        while true {
            let step = state.wait { state -> Step? in
                if let bytes = state.ready[frame] { return .take(bytes) }
                if let error = state.failures[frame] { return .fail(error) }
                guard state.underWay.count < Self.decodersMax else { return nil }
                let next = (frame..<min(frame + Self.framesKeptMax, head.frames.count)).first {
                    state.ready[$0] == nil && !state.underWay.contains($0) && state.failures[$0] == nil
                }
                guard let next else { return nil }
                state.underWay.insert(next)
                return .decode(next)
            }
            switch step {
            case .take(let bytes): return bytes
            case .fail(let error): throw error
            case .decode(let number):
                // Taken here and now: others may need its place before this thread comes round again.
                if let bytes = decode(number), number == frame { return bytes }
            }
        }
    }

    private enum Step {
        case take(FrameBytes)
        case fail(any Error)
        case decode(Int)
    }

    private func decode(_ number: Int) -> FrameBytes? {
        let result = Result {
            let decoder = try idle.withLock { $0.popLast() } ?? Decoder()
            defer { idle.withLock { $0.append(decoder) } }
            return try decode(head.frames[number], at: offsets[number], with: decoder)
        }
        state.update { state in
            state.underWay.remove(number)
            switch result {
            case .success(let bytes):
                // The first ones are the ones that are done with.
                while state.ready.count >= Self.framesKeptMax, let first = state.ready.keys.min() {
                    state.ready[first] = nil
                }
                state.ready[number] = bytes
            case .failure(let error): state.failures[number] = error
            }
        }
        return try? result.get()
    }

    private func decode(_ frame: PatchHead.Frame, at offset: Int64, with decoder: Decoder) throws -> FrameBytes {
        let prefix = decoder.prefix.room(Int(frame.referenceSize))
        var filled = 0
        for range in frame.references {
            try old.read(
                from: range.lowerBound,
                into: UnsafeMutableRawBufferPointer(rebasing: prefix[filled..<filled + range.count]))
            filled += range.count
        }
        let input = decoder.input.room(frame.length)
        guard try file.read(at: offset, into: input) == frame.length else {
            throw PatchFormat.refuse("length", "became shorter")
        }
        let size = index.members[frame.members].reduce(0) { $0 + Int(clamping: $1.tar.length.value) }
        let output = frames.take(size)
        try decoder.zstd.decode(
            UnsafeRawBufferPointer(input), prefix: UnsafeRawBufferPointer(prefix), into: output.bytes)
        return output
    }

    /// What one thread needs to decode; its buffers are used again and again.
    ///
    /// `@unchecked Sendable`: whoever took it out of `idle` is the only one that uses it until it is put back.
    private final class Decoder: @unchecked Sendable {
        let zstd: ZstdDecoder
        let prefix = GrowingBuffer()
        let input = GrowingBuffer()
        init() throws { zstd = try ZstdDecoder() }
    }
}

extension PatchReader {
    /// Which of the members cannot be had because files of the old tree changed: what must be fetched in another way.
    /// Reads and compares, decodes nothing.
    public func unavailable(among members: [Int]) -> [Int] {
        var checked: [Int: Bool] = [:]
        return members.filter { number in
            if let frame = frame(of: number) {
                if let known = checked[frame] { return !known }
                let isThere = head.frames[frame].references.allSatisfy { old.has($0) }
                checked[frame] = isThere
                return !isThere
            }
            guard let place = oldMembers[index.members[number].tar] else { return true }
            return !old.has(oldStarts[place]..<oldStarts[place] + index.members[number].tar.length.value)
        }
    }
}

extension OldStream {
    /// Whether the range can be had.
    func has(_ range: Range<Int64>) -> Bool {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { piece.deallocate() }
        var start = range.lowerBound
        while start < range.upperBound {
            let count = min(piece.count, Int(range.upperBound - start))
            let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<count])
            guard (try? read(from: start, into: part)) != nil else { return false }
            start += Int64(count)
        }
        return true
    }
}

extension PatchHead {
    /// - Returns: also where the head ends in the file.
    /// - Throws: `packaging.patch.head`, `packaging.patch.frame`.
    static func read(_ file: OpenFile) throws -> (PatchHead, end: Int64) {
        let preamble = try file.read(at: 0, count: PatchFormat.preambleSize)
        guard preamble.count == PatchFormat.preambleSize, preamble.starts(with: PatchFormat.magic) else {
            throw PatchFormat.refuse("head", "is not of format \(PatchFormat.name)")
        }
        func number(at offset: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(preamble[offset + $1]) << ($1 * 8) }
        }
        let (stored, size) = (number(at: 16), number(at: 20))
        guard size <= PatchFormat.headTextSizeMax, stored <= size + PatchFormat.overheadMax else {
            throw PatchFormat.refuse("head", "has a head of \(size) bytes")
        }
        let bytes = try file.read(at: Int64(PatchFormat.preambleSize), count: stored)
        guard bytes.count == stored else { throw PatchFormat.refuse("length", "ends in its head") }
        var text = [UInt8](repeating: 0, count: size)
        try bytes.withUnsafeBytes { bytes in
            try text.withUnsafeMutableBytes {
                try ZstdDecoder().decode(bytes, prefix: UnsafeRawBufferPointer(start: nil, count: 0), into: $0)
            }
        }
        return (try PatchHead(parsing: text), Int64(PatchFormat.preambleSize + stored))
    }
}
