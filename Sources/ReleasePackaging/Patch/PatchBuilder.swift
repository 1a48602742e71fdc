import Effects
import ReleaseDefinition
import Synchronization

/// One side of a patch: a unit's index and its whole tar stream.
public struct PatchSide: Sendable {
    public var record: PayloadRecord
    public var text: [UInt8]
    public var stream: any OldStream

    /// A unit whose index and payload are in a store.
    public init(_ unit: ManifestUnit, in blobs: BlobStore) throws {
        record = unit.payload
        text = try PayloadIndex.text(of: unit.payload, in: blobs)
        let index = try PayloadIndex(parsing: text, for: unit.payload)
        stream = PayloadStream(
            PayloadReader(index, payload: try blobs.open(unit.payload.compressed)), index: index)
    }

    public init(record: PayloadRecord, text: [UInt8], stream: any OldStream) {
        self.record = record
        self.text = text
        self.stream = stream
    }
}

/// What a patch holds.
public struct PatchSummary: Equatable, Sendable {
    public var length: ByteCount
    public var indexBytes: ByteCount
    public var frames: Int
    public var members: Int
    /// Tar bytes of these members.
    public var tarBytes: ByteCount
}

/// Makes the patch of one unit from one release to another.
///
/// Deterministic for a zstd version. Memory: for each job the match finder's tables (at most 50 MiB, for small changes
/// far less), a frame and what it refers to (5 MiB). Finished frames wait in a scratch file.
public final class PatchBuilder: Sendable {
    private let old: PatchSide
    private let new: PatchSide
    private let frames: [PatchPlan.Frame]
    private let scratch: OpenFile
    private let places: Mutex<(end: Int64, places: [(offset: Int64, length: Int)?])>

    /// - Parameters:
    ///   - persistent: paths of the new unit whose files are the service's own: nothing refers to them.
    ///   - scratch: an empty file that nobody else uses.
    /// - Throws: `packaging.patch.size` where an index is too large for a patch.
    public init(
        from old: PatchSide, to new: PatchSide, persistent: [String] = [], scratch: OpenFile
    ) throws {
        guard max(old.record.indexText.length, new.record.indexText.length) <= PatchFormat.indexTextSizeMax else {
            throw PatchFormat.refuse("size", "would need an index of more than \(PatchFormat.indexTextSizeMax)")
        }
        self.old = old
        self.new = new
        self.scratch = scratch
        frames = try PatchPlan(
            from: old.stream.index, to: new.stream.index, persistent: try persistent.map { try EntryPath(plain: $0) }
        ).frames()
        guard frames.count <= PatchFormat.framesMax else {
            throw PatchFormat.refuse("size", "would have more than \(PatchFormat.framesMax) parts")
        }
        places = Mutex((0, Array(repeating: nil, count: frames.count)))
    }

    /// Encodes, then writes the patch from front to back.
    /// - Parameter isWanted: asked before each frame; answers false to give up.
    /// - Throws: `packaging.patch.…`, `packaging.payload.…` where a side's bytes are damaged.
    public func run(
        jobs: Int = Workers.coreCount, isWanted: @escaping @Sendable () -> Bool = { true },
        to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> PatchSummary {
        let turn = Turn(frames.count)
        try Workers.run(max(1, min(jobs, frames.count, 64))) { [self] in
            let encoder = try ZstdEncoder()
            try turn.each { number in
                guard isWanted() else {
                    throw PackagingError(
                        code: "patch.stopped", summary: "The patch was given up.", remedy: "Hosts fetch members.")
                }
                try encode(number, encoder)
            }
        }
        let index = try old.text.withUnsafeBytes { prefix in
            try new.text.withUnsafeBytes { try ZstdEncoder().encode($0, prefix: prefix) }
        }
        return try write(index, to: sink)
    }

    private func encode(_ number: Int, _ encoder: ZstdEncoder) throws {
        let frame = frames[number]
        let size = frame.references.reduce(0) { $0 + $1.count }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size + frame.size, alignment: 16)
        defer { buffer.deallocate() }
        var filled = 0
        for range in frame.references {
            try old.stream.read(
                from: range.lowerBound,
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + range.count]))
            filled += range.count
        }
        let content = UnsafeMutableRawBufferPointer(rebasing: buffer[size...])
        try new.stream.read(from: frame.start, into: content)
        let bytes = try encoder.encode(
            UnsafeRawBufferPointer(content), prefix: UnsafeRawBufferPointer(rebasing: buffer[..<size]))
        let offset = places.withLock { state in
            defer { state.end += Int64(bytes.count) }
            state.places[number] = (state.end, bytes.count)
            return state.end
        }
        try bytes.withUnsafeBytes { try scratch.write($0, at: offset) }
    }

    private func write(
        _ index: [UInt8], to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> PatchSummary {
        let places = places.withLock { $0.places.compactMap(\.self) }
        let head = PatchHead(
            from: old.record.indexText, to: new.record.indexText, indexLength: index.count,
            frames: zip(frames, places).map {
                PatchHead.Frame(members: $0.members, length: $1.length, references: $0.references)
            })
        let text = head.text
        guard text.count <= PatchFormat.headTextSizeMax else {
            throw PatchFormat.refuse("size", "would have a head of \(text.count) bytes")
        }
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        let stored = try text.withUnsafeBytes { try ZstdEncoder().encode($0, prefix: empty) }
        var preamble = PatchFormat.magic
        for number in [stored.count, text.count] {
            preamble += (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
        for bytes in [preamble, stored, index] { try bytes.withUnsafeBytes { try sink($0) } }
        var length = preamble.count + stored.count + index.count
        for (place, frameLength) in places {
            let bytes = try scratch.read(at: place, count: frameLength)
            guard bytes.count == frameLength else {
                throw PatchFormat.refuse("size", "could not be read back from \(scratch.path)")
            }
            try bytes.withUnsafeBytes { try sink($0) }
            length += frameLength
        }
        return PatchSummary(
            length: ByteCount(length), indexBytes: ByteCount(index.count), frames: frames.count,
            members: frames.reduce(0) { $0 + $1.members.count },
            tarBytes: ByteCount(frames.reduce(0) { $0 + $1.size }))
    }
}
