import ReleaseDefinition

/// The private keys of the roles that a writer signs with; each step of `RepositoryWriter` needs only some of them, and
/// refuses with `trust.writer.keys` when the keys given do not meet a role's threshold.
public struct RepositoryKeys: Sendable {
    public var root: [SigningKey]
    public var targets: [SigningKey]
    public var approvers: [SigningKey]
    public var emergency: [SigningKey]
    public var snapshot: [SigningKey]
    public var timestamp: [SigningKey]
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

/// The current contents of every role: the `signed` part of each file as it was last published. Stored by the
/// controller beside its keys; unknown members survive.
public struct RepositoryState: Codable, Sendable, Equatable {
    var root: JSONValue
    var targets: JSONValue
    var roles: [String: JSONValue]
    var snapshot: JSONValue
    var timestamp: JSONValue
}

/// A step of the writer: what to publish, in this order, and the state after it.
public struct RepositoryChange: Sendable, Equatable {
    public var state: RepositoryState
    /// Roles, snapshot, then timestamp: a reader never sees a name that dangles.
    public var files: [MetadataFile]
}
