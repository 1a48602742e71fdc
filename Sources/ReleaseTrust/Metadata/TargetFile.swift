import ReleaseDefinition

/// A target as a trusted role describes it.
public struct TargetFile: Sendable, Equatable {
    public let path: String
    public let length: ByteCount
    public let sha256: SHA256Digest
    /// TUF's per-target `custom` member.
    public let custom: JSONValue?
}
