import Effects
import ReleaseDefinition

/// Members of a new payload from wherever each is at hand: fetched parts of the payload, a patch, the old release's tree.
public final class AssembledMembers: MemberReader {
    private let index: PayloadIndex
    private let payload: PayloadReader?
    private let fetched: Set<Int>
    private let patch: PatchReader?
    private let old: (any OldStream)?
    private let oldStarts: [BlobReference: Int64]

    /// - Parameters:
    ///   - fetched: members that are whole in `payload`.
    ///   - old: for members that the old payload has too; a patch brings its own.
    public init(
        _ index: PayloadIndex, payload: OpenFile?, fetched: Set<Int>, patch: PatchReader? = nil,
        old: (any OldStream)? = nil
    ) {
        self.index = index
        self.payload = payload.map { PayloadReader(index, payload: $0) }
        self.fetched = fetched
        self.patch = patch
        self.old = old
        oldStarts = old?.index.tarStartsByMember ?? [:]
    }

    /// - Throws: `packaging.payload.…`, `packaging.patch.…`.
    public func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        if fetched.contains(number), let payload { return try payload.read(number, into: buffer) }
        if let patch { return try patch.read(number, into: buffer) }
        guard let old, let start = oldStarts[index.members[number].tar] else {
            throw PackagingError(
                code: "payload.absent", summary: "Member \(number) is needed and was not fetched.",
                remedy:
                    "The whole payload is fetched. If files of the earlier release are being changed, find out by whom."
            )
        }
        try old.read(from: start, into: buffer)
    }
}

extension OldStream {
    /// Those of the members that the old payload has and whose bytes can be read from it now.
    public func available(of new: PayloadIndex, among members: [Int]) -> Set<Int> {
        let starts = index.tarStartsByMember
        return Set(
            members.filter { number in
                let tar = new.members[number].tar
                guard let start = starts[tar] else { return false }
                return has(start..<start + tar.length.value)
            })
    }
}

extension PayloadIndex {
    fileprivate var tarStartsByMember: [BlobReference: Int64] {
        Dictionary(zip(members.map(\.tar), tarStarts)) { first, _ in first }
    }
}
