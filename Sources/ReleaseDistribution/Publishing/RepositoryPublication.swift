import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// What one publish adds to a repository: a value that can be shown before anything is written.
public struct RepositoryPublication: Sendable {
    /// Must be in the repository before anything names them; fetched from `source` where they are not.
    public var blobs: [BlobReference]
    public var source: BlobStore?
    /// Manifests, by the path of their TUF target.
    public var targets: [PublishedTarget]
    /// As `RepositoryWriter` made them, in its order.
    public var metadata: [MetadataFile]
    /// The director's word on each channel, as a DSSE envelope.
    public var channels: [PublishedChannel]

    public init(
        blobs: [BlobReference] = [], from source: BlobStore? = nil, targets: [PublishedTarget] = [],
        metadata: [MetadataFile] = [], channels: [PublishedChannel] = []
    ) {
        self.blobs = blobs
        self.source = source
        self.targets = targets
        self.metadata = metadata
        self.channels = channels
    }
}

public struct PublishedTarget: Sendable, Equatable {
    /// `staging/web/1.0.0/manifest.json`
    public var path: String
    public var bytes: [UInt8]

    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

public struct PublishedChannel: Sendable, Equatable {
    public var name: ChannelName
    public var envelope: JSONValue

    public init(name: ChannelName, envelope: JSONValue) {
        self.name = name
        self.envelope = envelope
    }
}
