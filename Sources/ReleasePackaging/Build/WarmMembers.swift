import Effects
import ReleaseDefinition

/// Members of an earlier payload by the tar bytes they hold, to be used again as they are.
struct WarmMembers: Sendable {
    private let payload: OpenFile
    private let members: [SHA256Digest: (offset: Int64, member: PayloadMember)]

    /// - Parameter start: where in the file the payload begins.
    init(_ index: PayloadIndex, payload: OpenFile, at start: Int64) {
        var found: [SHA256Digest: (Int64, PayloadMember)] = [:]
        found.reserveCapacity(index.members.count)
        var offset = start
        for member in index.members {
            found[member.tar.sha256] = (offset, member)
            offset += member.compressed.length.value
        }
        (self.payload, members) = (payload, found)
    }

    /// nil where there is none, or where it is damaged.
    func member(of tar: BlobReference) throws -> (PayloadMember, [UInt8])? {
        guard let (offset, member) = members[tar.sha256], member.tar == tar else { return nil }
        let count = Int(clamping: member.compressed.length.value)
        let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try payload.read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
        }
        return BlobReference(of: bytes) == member.compressed ? (member, bytes) : nil
    }
}
