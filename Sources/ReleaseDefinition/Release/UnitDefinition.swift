/// A release unit: components that are deployed together.
public struct UnitDefinition: Sendable, Equatable, Codable {
    /// Of `minimumHealthy` and `healthyDeadline`.
    public static let healthyBounds = TimeSpan.zero...TimeSpan.hours(24)
    public static let persistentMax = 100
    public static let attributesMax = 10_000

    public var name: UnitName
    public var type: UnitType
    /// The unit's files: a folder or an archive, relative to the release folder. nil where `variants` has one each.
    public var source: String?
    /// By architecture and system, where hosts need different files; then one at least, each once.
    public var variants: [UnitVariant]?
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
    /// nil is `copy`.
    public var unchanged: UnchangedFiles?

    public init(
        name: UnitName, type: UnitType = .tree, source: String? = nil, variants: [UnitVariant]? = nil,
        installTo: String, persistent: [String] = [],
        service: ServiceDefinition? = nil, hooks: UnitHooks = .init(), health: [HealthCheck] = [],
        minimumHealthy: TimeSpan = .seconds(30), healthyDeadline: TimeSpan = .minutes(5),
        attributes: [PathAttribute] = [], unchanged: UnchangedFiles? = nil
    ) {
        self.name = name
        self.type = type
        self.source = source
        self.variants = variants
        self.installTo = installTo
        self.persistent = persistent
        self.service = service
        self.hooks = hooks
        self.health = health
        self.minimumHealthy = minimumHealthy
        self.healthyDeadline = healthyDeadline
        self.attributes = attributes
        self.unchanged = unchanged
    }

    /// Every source, with its variant where it has one.
    public var sources: [(variant: VariantName?, path: String)] {
        (source.map { [(nil, $0)] } ?? []) + (variants ?? []).map { ($0.name, $0.source) }
    }
}

/// The unit's files for some hosts.
public struct UnitVariant: Sendable, Equatable, Codable {
    public var name: VariantName
    public var source: String

    public init(name: VariantName, source: String) {
        self.name = name
        self.source = source
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

/// `{"command":["bin/serve"]}` or `"hooks"`, as in `release.yaml`.
extension ServiceDefinition {
    private enum Keys: String, CodingKey { case command }

    public init(from decoder: any Decoder) throws {
        if let word = try? String(from: decoder) {
            guard word == "hooks" else {
                throw DefinitionError(
                    code: "service", summary: "\(word.debugDescription) is no service.",
                    remedy: "Write a command or \"hooks\".")
            }
            self = .hooks
            return
        }
        let container = try decoder.container(keyedBy: Keys.self)
        self = .command(try container.decode([String].self, forKey: .command))
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .hooks:
            var container = encoder.singleValueContainer()
            try container.encode("hooks")
        case .command(let words):
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(words, forKey: .command)
        }
    }
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

/// The mode is written as four octal digits, `"0750"`.
extension PathAttribute {
    private enum Keys: String, CodingKey { case path, mode, owner, group }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        let text = try container.decodeIfPresent(String.self, forKey: .mode)
        let mode = text.flatMap { $0.utf8.count == 4 ? UInt16($0, radix: 8) : nil }
        guard (text == nil) == (mode == nil), mode ?? 0 <= 0o777 else {
            throw DefinitionError(
                code: "mode", summary: "\((text ?? "").debugDescription) is no mode of a file.",
                remedy: "Write four octal digits from \"0000\" to \"0777\".")
        }
        self.init(
            path: try container.decode(String.self, forKey: .path), mode: mode,
            owner: try container.decodeIfPresent(String.self, forKey: .owner),
            group: try container.decodeIfPresent(String.self, forKey: .group))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(path, forKey: .path)
        if let mode {
            let digits = String(mode, radix: 8)
            try container.encode(String(repeating: "0", count: max(0, 4 - digits.count)) + digits, forKey: .mode)
        }
        try container.encodeIfPresent(owner, forKey: .owner)
        try container.encodeIfPresent(group, forKey: .group)
    }
}
