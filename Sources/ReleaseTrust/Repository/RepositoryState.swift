import ReleaseDefinition

/// The private keys that a writer signs with. Each step of `RepositoryWriter` needs only those of the roles that it
/// writes, and refuses with `trust.writer.keys` when they do not meet a role's threshold.
public struct RepositoryKeys: Sendable {
    public var root: [SigningKey]
    public var targets: [SigningKey]
    /// Of the products' roles, in every environment.
    public var approvers: [SigningKey]
    public var emergency: [SigningKey]
    public var snapshot: [SigningKey]
    public var timestamp: [SigningKey]
    /// Signs assignments, never metadata: only its public part enters the repository.
    public var director: [SigningKey]

    public init(
        root: [SigningKey] = [], targets: [SigningKey] = [], approvers: [SigningKey] = [],
        emergency: [SigningKey] = [], snapshot: [SigningKey] = [], timestamp: [SigningKey] = [],
        director: [SigningKey] = []
    ) {
        self.root = root
        self.targets = targets
        self.approvers = approvers
        self.emergency = emergency
        self.snapshot = snapshot
        self.timestamp = timestamp
        self.director = director
    }
}

/// The newest file of every role as it was signed; kept by the controller. Unknown members survive.
///
/// `files` is all that a client needs besides older roots: a publication that was cut short is completed by publishing
/// `files` again.
public struct RepositoryState: Codable, Sendable, Equatable {
    var root: JSONValue
    var targets: JSONValue
    /// Delegated roles, by name.
    var roles: [String: JSONValue]
    var snapshot: JSONValue
    var timestamp: JSONValue
    /// Of the log whose decisions this carries out; it goes into the next timestamp.
    public var checkpoint: LogCheckpoint?

    /// In publishing order: roles, targets, root, snapshot, timestamp last.
    public var files: [MetadataFile] {
        var files = roles.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { Self.file(role: $0.key, $0.value) }
        files.append(Self.file(role: TargetsMetadata.name, targets))
        files.append(Self.file(role: RootMetadata.name, root))
        files.append(Self.file(role: SnapshotMetadata.name, snapshot))
        files.append(MetadataFile(name: MetadataFile.timestampName, bytes: timestamp.canonicalBytes))
        return files
    }

    /// The environments in which a product has a role.
    public func environments(of product: ProductName) -> [EnvironmentName] {
        roles.keys.compactMap { role in
            let words = role.split(separator: "-", maxSplits: 1)
            guard words.count == 2, words[1] == product.text, words[0] != ApprovalPlace.emergencyWord else {
                return nil
            }
            return try? EnvironmentName(String(words[0]))
        }.sorted()
    }

    /// The manifest that a place approves for a release; nil when there is none.
    public func approvedManifest(of release: ReleaseName, in place: ApprovalPlace) -> SHA256Digest? {
        let target = roles[place.role(of: release.product)]?["signed"]?["targets"]?[TargetPath.manifest(place, release)]
        return target?["hashes"]?["sha256"]?.stringValue.flatMap { try? SHA256Digest(hex: $0) }
    }

    static func file(role: String, _ envelope: JSONValue) -> MetadataFile {
        let version = envelope["signed"]?["version"]?.integerValue ?? 0
        return MetadataFile(name: MetadataFile.name(role: role, version: version), bytes: envelope.canonicalBytes)
    }
}

/// A step of the writer: what to publish, in this order, each file durable before the next, and the state after it.
public struct RepositoryChange: Sendable, Equatable {
    public var state: RepositoryState
    /// The new files: roles, targets, root, snapshot, timestamp; empty when there was nothing to do.
    public var files: [MetadataFile]
}
