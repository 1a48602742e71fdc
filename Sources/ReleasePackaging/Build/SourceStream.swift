import Effects
import ReleaseDefinition

/// The tar stream of a scanned tree, any part of which can be read by itself: where an entry stands follows from the sizes
/// that the scan saw. A tree that is no longer what the scan saw is refused.
struct SourceStream: Sendable {
    /// A part of a file's content that was read.
    struct Part {
        /// The file's place among the entries.
        var place: Int
        /// Where in the file it begins.
        var offset: Int64
        var fileSize: Int64
        /// Where in the buffer it lies; empty only for an empty file.
        var range: Range<Int>

        var isWhole: Bool { range.count == fileSize }
        var isLast: Bool { offset + Int64(range.count) == fileSize }
    }

    let length: Int64
    private(set) var entries: [ScannedEntry]
    private let root: Directory
    /// Where each entry's header and content begin.
    private var starts: [(header: Int64, content: Int64)]

    init(root: Directory, entries: [ScannedEntry]) {
        self.root = root
        self.entries = entries
        var starts: [(Int64, Int64)] = []
        starts.reserveCapacity(entries.count)
        var position: Int64 = 0
        for entry in entries {
            let tar = entry.tarEntry
            let content = position + Int64(tar.headerLength)
            starts.append((position, content))
            position = content + tar.size + Int64(TarFormat.padding(after: tar.size))
        }
        self.starts = starts
        length = position + Int64(TarFormat.endSize)
    }

    /// It was read to its end.
    mutating func forget() { (entries, starts) = ([], []) }

    /// Fills the buffer with the stream's bytes from `start` on; it must not reach beyond the stream's end. Any number of
    /// threads may read at once.
    /// - Returns: what lies in the buffer of which file, in order.
    /// - Throws: `packaging.source.changed`, `effects.file.…`.
    func read(at start: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> [Part] {
        var parts: [Part] = []
        var filled = 0
        var place = entry(at: start)
        while place < entries.count, filled < buffer.count {
            let (entry, at) = (entries[place], starts[place])
            let tar = entry.tarEntry
            if case let position = start + Int64(filled), position < at.content {
                let header = tar.header()
                let piece = header.dropFirst(Int(position - at.header)).prefix(buffer.count - filled)
                UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyBytes(from: piece)
                filled += piece.count
                if tar.size == 0, tar.isFile, position + Int64(piece.count) == at.content {
                    try read(entry, at: 0, into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled]))
                    parts.append(Part(place: place, offset: 0, fileSize: 0, range: filled..<filled))
                }
            }
            let end = at.content + tar.size
            if case let position = start + Int64(filled), position < end, filled < buffer.count {
                let range = filled..<filled + Int(clamping: min(Int64(buffer.count - filled), end - position))
                let offset = position - at.content
                try read(entry, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[range]))
                parts.append(Part(place: place, offset: offset, fileSize: tar.size, range: range))
                filled = range.upperBound
            }
            place += 1
            let next = place < entries.count ? starts[place].header : length
            filled = Self.zero(buffer, from: filled, count: next - start - Int64(filled))
        }
        _ = Self.zero(buffer, from: filled, count: length - start - Int64(filled))
        return parts
    }

    /// The entry that `position` lies in; the number of entries for the end of the stream.
    private func entry(at position: Int64) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            let end = middle + 1 < entries.count ? starts[middle + 1].header : length - Int64(TarFormat.endSize)
            if end <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The file must be what the scan saw when it has been read: nobody wrote to it in between.
    private func read(_ entry: ScannedEntry, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
        let file: OpenFile
        do { file = try root.openFile(entry.path.text) } catch let error as EffectsError
            where [
                "effects.file.absent", "effects.file.isDirectory", "effects.file.notFile",
                "effects.file.notDirectory", "effects.file.escape",
            ].contains(error.code)
        { throw TreeScan.changed(entry.path) }
        guard try file.read(at: offset, into: buffer) == buffer.count else { throw TreeScan.changed(entry.path) }
        let status = try file.status()
        guard entry.content == .file(size: status.size, modifiedAt: status.modifiedAt, inode: status.inode) else {
            throw TreeScan.changed(entry.path)
        }
    }

    /// Answers where the zeros end.
    private static func zero(_ buffer: UnsafeMutableRawBufferPointer, from start: Int, count: Int64) -> Int {
        guard count > 0, start < buffer.count else { return start }
        let end = start + Int(clamping: min(count, Int64(buffer.count - start)))
        UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end]).initializeMemory(as: UInt8.self, repeating: 0)
        return end
    }
}

extension TarEntry {
    fileprivate var isFile: Bool { if case .file = content { true } else { false } }
}

extension ScannedEntry {
    var tarEntry: TarEntry {
        switch content {
        case .directory: TarEntry(path: path, content: .directory, mode: mode)
        case .file(let size, _, _): TarEntry(path: path, content: .file(size: size.value), mode: mode)
        case .link(let target): TarEntry(path: path, content: .link(target), mode: mode)
        }
    }
}
