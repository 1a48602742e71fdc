import ReleaseDefinition

/// A target as a trusted role describes it.
public struct TargetFile: Sendable, Equatable {
    public let path: String
    public let length: ByteCount
    let hashes: FileHashes
    /// TUF's per-target `custom` member.
    public let custom: JSONValue?

    /// Ours always have it; another repository's may name only SHA-512.
    public var sha256: SHA256Digest? { hashes.sha256 }

    /// The last check before the bytes are used. TUF 5.7.3.
    /// - Throws: `trust.target.length`, `trust.target.hash`.
    public func requireMatch(_ bytes: [UInt8]) throws(TrustError) {
        guard Int64(bytes.count) == length.value else {
            throw TrustError(
                code: "target.length", summary: "\(path) has \(bytes.count) bytes, its role says \(length.value).",
                remedy: "Nothing was accepted. Fetch it again; if that does not help, publish the release again.")
        }
        guard hashes.match(bytes) else {
            throw TrustError(
                code: "target.hash",
                summary: "\(path) has the hash \(SHA256Digest(of: bytes)), its role says \(hashes).",
                remedy: "Nothing was accepted. Fetch it again; if that does not help, publish the release again.")
        }
    }
}
