import ReleaseDefinition

/// Names bytes by what they are: their SHA-256 and their length, which bounds whatever reads or fetches them.
public struct BlobReference: Codable, Hashable, Sendable {
    public var sha256: SHA256Digest
    public var length: ByteCount

    public init(sha256: SHA256Digest, length: ByteCount) {
        self.sha256 = sha256
        self.length = length
    }

    public init(of bytes: [UInt8]) {
        self.init(sha256: SHA256Digest(of: bytes), length: ByteCount(bytes.count))
    }
}
