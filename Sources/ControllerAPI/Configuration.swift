import ReleaseDefinition

/// `GET /v1/cmdb/places`: where something that a bill of materials names is running.
public struct MaterialPlaceView: Sendable, Equatable, Codable {
    public var material: String
    public var version: String
    public var release: ReleaseName
    /// Hosts that run the release.
    public var hosts: [HostID]

    public init(material: String, version: String, release: ReleaseName, hosts: [HostID]) {
        self.material = material
        self.version = version
        self.release = release
        self.hosts = hosts
    }
}

/// `POST …/baselines`: what was put down, and what has changed since the last time.
public struct BaselineView: Sendable, Equatable, Codable {
    public var digest: SHA256Digest
    public var items: Int
    /// Since the baseline before; nil: it is the first.
    public var difference: ConfigurationDifference?

    public init(digest: SHA256Digest, items: Int, difference: ConfigurationDifference?) {
        self.digest = digest
        self.items = items
        self.difference = difference
    }
}
