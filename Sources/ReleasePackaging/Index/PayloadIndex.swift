import ReleaseDefinition

/// What is in a payload: its gzip members and the entries of its tar stream, both in the order of the stream.
///
/// The tar stream is a function of the entries and the files' bytes, so an unpacker compares headers instead of believing
/// them, and an installed tree can stand in for any part of an old stream. The index is bound by the manifest.
public struct PayloadIndex: Equatable, Sendable {
    public static let bytesMax = ByteCount(512 << 20)
    public static let entriesMax = 1_000_000
    public static let membersMax = 1 << 24

    /// Their `tar` lengths add up to the length of the stream, their `compressed` lengths to that of the `.tar.gz`.
    public var members: [PayloadMember]
    /// Strictly ascending by path bytes; each entry's folder stands before it.
    public var entries: [PayloadEntry]

    public init(members: [PayloadMember], entries: [PayloadEntry]) {
        self.members = members
        self.entries = entries
    }
}

/// One gzip member. Where it begins is the sum of the lengths before it.
public struct PayloadMember: Equatable, Sendable {
    public var compressed: BlobReference
    public var tar: BlobReference

    public init(compressed: BlobReference, tar: BlobReference) {
        self.compressed = compressed
        self.tar = tar
    }
}

public struct PayloadEntry: Equatable, Sendable {
    public enum Content: Equatable, Sendable {
        case directory
        case file(BlobReference)
        case link(LinkTarget)
    }

    public var path: EntryPath
    public var content: Content
    /// Permission bits, at most 0777. A link's are always 0777.
    public var mode: UInt16
    /// Names, looked up on the host; nil is root.
    public var owner: String?
    public var group: String?
    /// The source date of the release in which the content first appeared: the file's time on a host.
    public var changedAt: UTCInstant

    public init(
        path: EntryPath, content: Content, mode: UInt16, owner: String? = nil, group: String? = nil,
        changedAt: UTCInstant
    ) {
        self.path = path
        self.content = content
        self.mode = mode
        self.owner = owner
        self.group = group
        self.changedAt = changedAt
    }

    public var file: BlobReference? { if case .file(let blob) = content { blob } else { nil } }
}
