import Effects
import ReleaseDefinition
import Synchronization

/// Where the tar bytes of a payload's members come from. What it hands out is not believed: the caller compares headers
/// and digests with the index.
public protocol MemberReader: Sendable {
    /// Fills `buffer`, which has just `index.members[number].tar.length` bytes. Called from several threads at once; for
    /// each number at most once, and roughly in ascending order.
    func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws
}

/// Members from the payload's blob, which may be a sparse file where only the members that will be asked for are filled in.
/// Each is compared with its signed digest before the inflater sees it.
///
/// Memory: a compressed member and an inflater for each thread that reads at the same time.
public final class PayloadReader: MemberReader {
    private let members: [PayloadMember]
    private let starts: [Int64]
    private let payload: OpenFile
    private let offset: Int64
    private let idle = Mutex<[Opener]>([])

    /// - Parameter offset: where in the file the payload begins.
    public init(_ index: PayloadIndex, payload: OpenFile, at offset: Int64 = 0) {
        members = index.members
        starts = index.compressedStarts
        self.payload = payload
        self.offset = offset
    }

    /// - Throws: `packaging.payload.digest`, `packaging.payload.member`.
    public func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        let opener = try idle.withLock { $0.popLast() } ?? Opener()
        defer { idle.withLock { $0.append(opener) } }
        let member = members[number]
        let input = UnsafeMutableRawBufferPointer(
            rebasing: opener.compressed[..<Int(clamping: member.compressed.length.value)])
        let count = try payload.read(at: offset + starts[number], into: input)
        var hasher = SHA256Hasher()
        hasher.update(UnsafeRawBufferPointer(rebasing: input[..<count]))
        // Checked, then inflated: from the same buffer, so that nothing changes in between.
        guard count == input.count, hasher.finish() == member.compressed.sha256 else {
            throw PackagingError(
                code: "payload.digest",
                summary:
                    "Member \(number) of \(payload.path), \(input.count) bytes at \(starts[number]), does"
                    + " not have the signed digest \(member.compressed.sha256.short)….",
                remedy:
                    "Nothing of it is installed. Fetch the payload again; if that repeats, the server or the disk is"
                    + " damaged or tampered with.")
        }
        try opener.inflater.inflate(UnsafeRawBufferPointer(input), into: buffer)
    }

    /// What one thread needs to open members.
    ///
    /// `@unchecked Sendable`: whoever took it out of `idle` is the only one that uses it until it is put back.
    private final class Opener: @unchecked Sendable {
        let inflater: MemberInflater
        let compressed = UnsafeMutableRawBufferPointer.allocate(
            byteCount: ContentCutter.sizeMax + 1024, alignment: 16)

        init() throws { inflater = try MemberInflater() }

        deinit { compressed.deallocate() }
    }
}

extension PayloadIndex {
    /// Where each member begins in the compressed payload.
    var compressedStarts: [Int64] {
        var position: Int64 = 0
        return members.map { member in
            defer { position += member.compressed.length.value }
            return position
        }
    }

    /// Where each member begins in the tar stream.
    var tarStarts: [Int64] {
        var position: Int64 = 0
        return members.map { member in
            defer { position += member.tar.length.value }
            return position
        }
    }
}
