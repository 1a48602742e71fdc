import ReleaseDefinition

/// What a host is: part of its inventory.
public struct HostSystem: Sendable, Equatable, Codable {
    /// Of `facts`; beyond, the last by name are left out.
    public static let factsMax = 32
    public static let factSizeMax = ByteCount(64 << 10)
    public static let factsSizeMax = ByteCount(512 << 10)

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
        self.operatingSystem = operatingSystem.bounded(WordBound.name)
        self.operatingSystemID = operatingSystemID.bounded(WordBound.name)
        self.operatingSystemVersion = operatingSystemVersion.bounded(WordBound.name)
        self.kernel = kernel.bounded(WordBound.name)
        self.architecture = architecture.bounded(WordBound.name)
        self.memory = memory
        self.disk = disk
        self.packages = packages
        self.packagesDigest = packagesDigest
        self.facts = facts.map(Self.bounded)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            operatingSystem: try container.decode(String.self, forKey: .operatingSystem),
            operatingSystemID: try container.decode(String.self, forKey: .operatingSystemID),
            operatingSystemVersion: try container.decode(String.self, forKey: .operatingSystemVersion),
            kernel: try container.decode(String.self, forKey: .kernel),
            architecture: try container.decode(String.self, forKey: .architecture),
            memory: try container.decode(ByteCount.self, forKey: .memory),
            disk: try container.decodeIfPresent(DiskSpace.self, forKey: .disk),
            packages: try container.decodeIfPresent(Int.self, forKey: .packages),
            packagesDigest: try container.decodeIfPresent(SHA256Digest.self, forKey: .packagesDigest),
            facts: try container.decodeIfPresent([String: JSONValue].self, forKey: .facts))
    }

    private static func bounded(_ facts: [String: JSONValue]) -> [String: JSONValue] {
        var (kept, size) = ([String: JSONValue](), 0)
        for (name, value) in facts.sorted(by: { $0.key < $1.key }) where name.utf8.count <= 255 {
            let length = value.wireBytes.count
            guard length <= factSizeMax.value else { continue }
            size += length
            guard kept.count < factsMax, size <= factsSizeMax.value else { break }
            kept[name] = value
        }
        return kept
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
