import ReleaseDefinition

/// One file that a client needs next, relative to the repository's `metadata/`.
public struct MetadataRequest: Sendable, Equatable {
    /// `root`, `timestamp`, `snapshot`, `targets` or a delegated role.
    public var role: String
    /// `4.root.json`, `timestamp.json`, …: percent-encoded, a single path component.
    public var fileName: String
    /// Read no more than this; a longer answer is refused.
    public var lengthMax: ByteCount
    /// 404 is an answer only here (the next root): say `receiveAbsent()`. Anywhere else it is an error of transport.
    public var mayBeAbsent: Bool
}

/// What to do to the client's store, in this order, each durable before the next.
public enum StoreChange: Sendable, Equatable {
    /// The exact bytes received, under this name (`timestamp.json`).
    case write(name: String, bytes: [UInt8])
    /// Remove the file if it is there.
    case remove(name: String)
}

/// Caps of the client. Source: trust.md "Details that implementers miss".
public enum TrustLimits {
    public static let rootStepsMax = 256
    public static let rootSizeMax = ByteCount(512_000)
    public static let timestampSizeMax = ByteCount(16_384)
    public static let snapshotSizeMax = ByteCount(2_000_000)
    public static let targetsSizeMax = ByteCount(5_000_000)
    /// Roles visited by one look-up of a target.
    public static let rolesVisitedMax = 32
}
