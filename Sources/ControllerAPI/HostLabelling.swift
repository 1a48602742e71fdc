import ReleaseDefinition

/// `POST /v1/hosts/labels`: what hosts are called by from now on. All of it happens, or nothing.
public struct HostLabelsRequest: Sendable, Equatable, Codable {
    public static let hostsMax = 1000

    /// By name, at most `hostsMax`; nil where `query` says which.
    public var hosts: [HostID]?
    /// Every host that is in use and matches now; nil where `hosts` says which.
    public var query: HostQuery?
    /// Of a query: only hosts of this environment.
    public var environment: EnvironmentName?
    public var set: [String: String]
    public var remove: [String]
    /// It stands in the log.
    public var reason: String?
    /// Nothing is changed: the answer says what would be.
    public var isDryRun: Bool?

    public init(
        hosts: [HostID]? = nil, query: HostQuery? = nil, environment: EnvironmentName? = nil,
        set: [String: String] = [:], remove: [String] = [], reason: String? = nil, isDryRun: Bool? = nil
    ) {
        self.hosts = hosts
        self.query = query
        self.environment = environment
        self.set = set
        self.remove = remove
        self.reason = reason
        self.isDryRun = isDryRun
    }
}

public struct HostLabelsView: Sendable, Equatable, Codable {
    /// Each host that was meant, in the order of their ids.
    public var hosts: [LabelledHostView]
    /// Rollouts under way that go on with the hosts they began with, though by its labels one of these would now be, or no
    /// longer be, among them.
    public var frozenIn: [RolloutID]
    public var isDryRun: Bool

    public init(hosts: [LabelledHostView], frozenIn: [RolloutID], isDryRun: Bool) {
        self.hosts = hosts
        self.frozenIn = frozenIn
        self.isDryRun = isDryRun
    }
}

public struct LabelledHostView: Sendable, Equatable, Codable {
    public var host: HostID
    /// What is different now; both empty: it was called so already.
    public var set: [String: String]
    public var removed: [String]
    /// All that it is called by now, without its marks.
    public var labels: [String: String]

    public init(host: HostID, set: [String: String], removed: [String], labels: [String: String]) {
        self.host = host
        self.set = set
        self.removed = removed
        self.labels = labels
    }
}
