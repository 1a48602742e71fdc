import ReleaseDefinition

/// A patch that the director offers: where to fetch a shorter way from one payload to another.
///
/// Nobody approves a patch: it counts only if what comes out is what the approved manifest binds. Its length and hash bound
/// what is fetched.
public struct AssignedPatch: Sendable, Equatable, Codable {
    /// How many an assignment may list.
    public static let countMax = 64
    /// A longer patch is not worth having, and would fill a disk.
    public static let lengthMax = ByteCount(64 << 30)

    /// The digest of the text of the old payload's index, and of the new one's.
    public var from: SHA256Digest
    public var to: SHA256Digest
    /// Of the patch itself: its name in `blobs/`.
    public var sha256: SHA256Digest
    public var length: ByteCount

    public init(from: SHA256Digest, to: SHA256Digest, sha256: SHA256Digest, length: ByteCount) {
        self.from = from
        self.to = to
        self.sha256 = sha256
        self.length = length
    }
}
