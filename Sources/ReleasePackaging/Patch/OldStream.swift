import Effects
import ReleaseDefinition
import Synchronization

/// Any range of an earlier payload's tar stream.
public protocol OldStream: Sendable {
    var index: PayloadIndex { get }

    /// Fills `buffer` with the stream's bytes from `start` on.
    /// - Throws: `packaging.patch.source` where they are not what they were.
    func read(from start: Int64, into buffer: UnsafeMutableRawBufferPointer) throws
}

/// An installed tree as the tar stream that it came from: the stream is a function of the index and the files.
///
/// The tree is not believed: the members that cover a range are put together from the files and compared with the old
/// index. A changed file makes its ranges unavailable, never wrong. Memory: one member for each thread that reads.
public final class InstalledStream: OldStream {
    public let index: PayloadIndex
    public let tree: Directory
    private let layout: TarLayout
    private let starts: [Int64]

    /// - Parameter index: what was installed there.
    public init(_ tree: Directory, index: PayloadIndex) throws {
        self.tree = tree
        self.index = index
        layout = try TarLayout(index.entries)
        starts = index.tarStarts
    }

    public func read(from start: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
        try index.eachMember(covering: start, count: Int64(buffer.count), starts: starts) { number in
            try withMember(number) { bytes in
                let from = max(start, starts[number])
                let to = min(start + Int64(buffer.count), starts[number] + Int64(bytes.count))
                UnsafeMutableRawBufferPointer(rebasing: buffer[Int(from - start)..<Int(to - start)])
                    .copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: bytes[Int(from - starts[number])..<Int(to - starts[number])]))
            }
        }
    }

    /// Whether the member can be had: reads and compares it.
    func has(_ number: Int) -> Bool { (try? withMember(number) { _ in }) != nil }

    private func withMember(_ number: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let member = index.members[number].tar
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, Int(clamping: member.length.value)), alignment: 16)
        defer { buffer.deallocate() }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(clamping: member.length.value)])
        do { try assemble(at: starts[number], into: bytes) } catch let error as EffectsError {
            throw Self.changed(number, tree.path, cause: error.description)
        }
        var hasher = SHA256Hasher()
        hasher.update(UnsafeRawBufferPointer(bytes))
        guard hasher.finish() == member.sha256 else { throw Self.changed(number, tree.path) }
        try body(UnsafeRawBufferPointer(bytes))
    }

    /// Headers from the index, contents from the files, zeros between them.
    private func assemble(at start: Int64, into bytes: UnsafeMutableRawBufferPointer) throws {
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        let end = start + Int64(bytes.count)
        func part(_ from: Int64, _ to: Int64) -> UnsafeMutableRawBufferPointer? {
            let (low, high) = (max(from, start), min(to, end))
            guard low < high else { return nil }
            return UnsafeMutableRawBufferPointer(rebasing: bytes[Int(low - start)..<Int(high - start)])
        }
        guard !index.entries.isEmpty else { return }
        var place = layout.entry(at: start)
        while place < index.entries.count, layout.places[place].start < end {
            let (entry, at) = (index.entries[place], layout.places[place])
            if let target = part(at.start, at.content) {
                let skipped = Int(max(0, start - at.start))
                target.copyBytes(from: entry.tarEntry.header().dropFirst(skipped).prefix(target.count))
            }
            if entry.file != nil, let target = part(at.content, at.end) {
                // A short file leaves zeros, which the digest finds.
                _ = try tree.openFile(entry.path.text).read(at: max(0, start - at.content), into: target)
            }
            place += 1
        }
    }

    private static func changed(_ number: Int, _ path: String, cause: String? = nil) -> PackagingError {
        PackagingError(
            code: "patch.source", summary: "Files of \(path) are not as they were installed (member \(number)).",
            remedy:
                "Nothing of them is used: what depends on them is taken from the payload. Find out who wrote there.",
            cause: cause)
    }
}

/// The tar stream of a payload that is at hand: what a patch is made from.
public final class PayloadStream: OldStream {
    public let index: PayloadIndex
    private let members: any MemberReader
    private let starts: [Int64]

    public init(_ members: any MemberReader, index: PayloadIndex) {
        self.members = members
        self.index = index
        starts = index.tarStarts
    }

    public func read(from start: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
        let member = UnsafeMutableRawBufferPointer.allocate(byteCount: ContentCutter.sizeMax, alignment: 16)
        defer { member.deallocate() }
        try index.eachMember(covering: start, count: Int64(buffer.count), starts: starts) { number in
            let length = Int(clamping: index.members[number].tar.length.value)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: member[..<length])
            try members.read(number, into: bytes)
            let from = max(start, starts[number])
            let to = min(start + Int64(buffer.count), starts[number] + Int64(length))
            UnsafeMutableRawBufferPointer(rebasing: buffer[Int(from - start)..<Int(to - start)])
                .copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: bytes[Int(from - starts[number])..<Int(to - starts[number])]))
        }
    }
}

extension PayloadIndex {
    /// The members that a range of the tar stream lies in, ascending. A range that does not lie in the stream is refused.
    func eachMember(
        covering start: Int64, count: Int64, starts: [Int64], _ body: (Int) throws -> Void
    ) throws {
        guard count > 0 else { return }
        guard let last = starts.last, let end = members.last?.tar.length.value, start >= 0, start <= last + end - count
        else { throw PatchFormat.refuse("head", "refers beyond the old stream") }
        var (low, high) = (0, starts.count)
        while low + 1 < high {
            let middle = (low + high) / 2
            if starts[middle] <= start { low = middle } else { high = middle }
        }
        var number = low
        while number < members.count, starts[number] < start + count {
            try body(number)
            number += 1
        }
    }
}
