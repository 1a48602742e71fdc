/// A release unit: components that are deployed together.
public struct UnitDefinition: Sendable, Equatable, Codable {
    public var name: UnitName
    public var type: UnitType
    /// Path of the unit's files, relative to the release folder.
    public var source: String
    /// Absolute path on the host; `/opt/payments` becomes a link to `/opt/payments.releases/<release>`.
    public var installTo: String
    /// Relative paths inside the tree that are shared by all releases and never replaced.
    public var persistent: [String]
    public var service: ServiceDefinition?
    public var hooks: UnitHooks
    /// Empty only where the definition says `health: none`.
    public var health: [HealthCheck]
    /// How long every check must pass without a break before the unit counts as healthy.
    public var minimumHealthy: TimeSpan
    /// From start until minimum healthy time must have been reached.
    public var healthyDeadline: TimeSpan
    /// Mode and owner for paths that need others than 0644/0755 and root.
    public var attributes: [PathAttribute]

    public init(
        name: UnitName, type: UnitType = .tree, source: String, installTo: String, persistent: [String] = [],
        service: ServiceDefinition? = nil, hooks: UnitHooks = .init(), health: [HealthCheck] = [],
        minimumHealthy: TimeSpan = .seconds(30), healthyDeadline: TimeSpan = .minutes(5),
        attributes: [PathAttribute] = []
    ) {
        self.name = name
        self.type = type
        self.source = source
        self.installTo = installTo
        self.persistent = persistent
        self.service = service
        self.hooks = hooks
        self.health = health
        self.minimumHealthy = minimumHealthy
        self.healthyDeadline = healthyDeadline
        self.attributes = attributes
    }
}

/// The unit types this version deploys; the definition names the others that the format reserves.
public enum UnitType: String, Sendable, Codable, CaseIterable { case tree }

/// What runs from the unit.
public enum ServiceDefinition: Sendable, Equatable, Codable {
    /// The agent's own supervised child. The first word is a path relative to the installed tree; it runs with the tree
    /// as its working folder and is restarted when it ends.
    case command([String])
    /// The unit's `start` and `stop` hooks do it.
    case hooks
}

/// A path below the unit's root with a mode or an owner of its own. Owners are names, looked up on the host.
public struct PathAttribute: Sendable, Equatable, Codable {
    public var path: String
    public var mode: UInt16?
    public var owner: String?
    public var group: String?

    public init(path: String, mode: UInt16? = nil, owner: String? = nil, group: String? = nil) {
        self.path = path
        self.mode = mode
        self.owner = owner
        self.group = group
    }
}
