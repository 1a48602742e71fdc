import ReleaseDefinition

/// `GET …/documents`: what people read of a package.
public struct ReleaseDocumentView: Sendable, Equatable, Codable {
    public var path: String
    public var length: ByteCount

    public init(path: String, length: ByteCount) {
        self.path = path
        self.length = length
    }
}
