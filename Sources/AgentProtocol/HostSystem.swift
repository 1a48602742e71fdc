import ReleaseDefinition

/// What a host is: part of its inventory.
public struct HostSystem: Sendable, Equatable, Codable {
    /// `Debian GNU/Linux 12 (bookworm)`, `debian`, `12`: PRETTY_NAME, ID and VERSION_ID of os-release(5).
    public var operatingSystem: String
    public var operatingSystemID: String
    public var operatingSystemVersion: String
    public var kernel: String
    public var architecture: String
    public var memory: ByteCount
    public var disk: DiskSpace?
    /// How many of the system's packages are installed, and a digest of their names and versions: equal hosts are equal.
    public var packages: Int?
    public var packagesDigest: SHA256Digest?
    /// What the host's administrators say of it: `facts.d/NAME.json` by name.
    public var facts: [String: JSONValue]?

    public init(
        operatingSystem: String, operatingSystemID: String, operatingSystemVersion: String, kernel: String,
        architecture: String, memory: ByteCount, disk: DiskSpace?, packages: Int?, packagesDigest: SHA256Digest?,
        facts: [String: JSONValue]?
    ) {
        self.operatingSystem = operatingSystem
        self.operatingSystemID = operatingSystemID
        self.operatingSystemVersion = operatingSystemVersion
        self.kernel = kernel
        self.architecture = architecture
        self.memory = memory
        self.disk = disk
        self.packages = packages
        self.packagesDigest = packagesDigest
        self.facts = facts
    }
}

public struct DiskSpace: Sendable, Equatable, Codable {
    public var size: ByteCount
    public var free: ByteCount

    public init(size: ByteCount, free: ByteCount) {
        self.size = size
        self.free = free
    }
}
