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
    /// Absolute path on the host. Of a tree, `/opt/payments` becomes a link to `/opt/payments.releases/<release>`; below that
    /// of files and templates each file is put beside what is there. Empty for the types that have no place of their own.
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
    /// Units of the same release that stand before this one; nil: none.
    public var requires: [UnitName]?
    /// The hosts that run a migration; nil for other types.
    public var runOn: HostQuery?
    /// False where what was applied cannot be taken back: from then on a failure halts and does not back out. nil is true.
    public var reversible: Bool?
    /// Absolute paths that are copied before the first unit stops; nil: none.
    public var backup: [String]?
    /// Two slots on one host; nil: the old service stops before the new one starts.
    public var parallel: ParallelSettings?
    /// nil is `never`.
    public var reboot: RebootPolicy?
    /// The name of a program that the host's `agent.json` lists; nil: a plugin unit brings its own.
    public var plugin: String?

    public init(
        name: UnitName, type: UnitType = .tree, source: String? = nil, variants: [UnitVariant]? = nil,
        installTo: String, persistent: [String] = [],
        service: ServiceDefinition? = nil, hooks: UnitHooks = .init(), health: [HealthCheck] = [],
        minimumHealthy: TimeSpan = .seconds(30), healthyDeadline: TimeSpan = .minutes(5),
        attributes: [PathAttribute] = [], unchanged: UnchangedFiles? = nil, requires: [UnitName]? = nil,
        runOn: HostQuery? = nil, reversible: Bool? = nil, backup: [String]? = nil,
        parallel: ParallelSettings? = nil, reboot: RebootPolicy? = nil, plugin: String? = nil
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
        self.requires = requires
        self.runOn = runOn
        self.reversible = reversible
        self.backup = backup
        self.parallel = parallel
        self.reboot = reboot
        self.plugin = plugin
    }

    public var isReversible: Bool { reversible ?? true }

    /// Whether anything is asked before the unit counts as healthy: a check, or whether its service's process goes on. Of others
    /// `minimumHealthy` and `healthyDeadline` say nothing.
    public var isAsked: Bool {
        switch service {
        case .command, .systemd: true
        case .hooks, nil: !health.isEmpty
        }
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

/// The unit types this version deploys.
public enum UnitType: String, Sendable, Codable, CaseIterable {
    /// A versioned folder behind a link.
    case tree
    /// Files that are put one by one into folders which others use too.
    case file
    /// The same, with `{{ name }}` replaced by signed values.
    case template
    /// The programs `apply` and `back-out` of the source.
    case script
    /// `apply` on the hosts that `runOn` names, once for each version of its files.
    case migration
    /// The Debian packages of the source.
    case deb
    /// Whatever a program makes of the source, step by step (docs/agent.md, Plugin protocol).
    case plugin

    /// Whether the unit has an `installTo`.
    public var hasPlace: Bool {
        switch self {
        case .tree, .file, .template: true
        case .script, .migration, .deb, .plugin: false
        }
    }

    /// Whether activating it runs programs that take as long as hooks may.
    public var runsPrograms: Bool {
        switch self {
        case .script, .migration, .deb, .plugin: true
        case .tree, .file, .template: false
        }
    }

    /// What is in the source of a script and of a migration.
    public static let applyProgram = "apply"
    public static let backOutProgram = "back-out"
    /// What is in the source of a plugin unit that names none of the host.
    public static let pluginProgram = "plugin"
}

/// What runs from the unit.
public enum ServiceDefinition: Sendable, Equatable, Codable {
    /// A unit of the host's systemd, which `update` restarts or reloads.
    case systemd(SystemdService)
    /// The agent's own supervised child. The first word is a path relative to the installed tree; it runs with the tree
    /// as its working folder and is restarted when it ends.
    case command([String])
    /// The unit's `start` and `stop` hooks do it.
    case hooks
}

/// `payments-api.service`, and how it takes up a new release.
public struct SystemdService: Sendable, Equatable, Codable {
    public enum Update: String, Sendable, Codable, CaseIterable {
        /// Stopped before the switch, started after it.
        case restart
        /// Goes on over the switch and is told to read its files again.
        case reload
    }

    public var unit: String
    /// nil is `restart`.
    public var update: Update?

    public init(unit: String, update: Update? = nil) {
        self.unit = unit
        self.update = update
    }

    /// `NAME.service`, as systemd takes it; never an option or a path.
    public static func isUnitName(_ text: String) -> Bool {
        let suffixes = [".service", ".socket", ".timer", ".target", ".path"]
        guard text.utf8.count <= 200, suffixes.contains(where: { text.hasSuffix($0) && text != $0 }) else {
            return false
        }
        return !text.hasPrefix("-") && !text.hasPrefix(".")
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || ":-_.@".utf8.contains(byte)
            }
    }
}

extension SystemdService {
    /// `payments@.service`: one service for each slot.
    public var isTemplate: Bool { unit.contains("@.") }

    /// `payments@a.service`; the unit itself where it is no template.
    public func unit(in slot: SlotName?) -> String {
        guard let slot, let at = unit.firstRange(of: "@.") else { return unit }
        return unit[..<at.lowerBound] + "@" + slot.rawValue + "." + unit[at.upperBound...]
    }
}

/// `{"command":["bin/serve"]}`, `{"systemd":{"unit":"web.service"}}` or `"hooks"`, as in `release.yaml`.
extension ServiceDefinition {
    private enum Keys: String, CodingKey { case command, systemd }

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
        switch try container.onlyKey(of: "a service") {
        case .command: self = .command(try container.decode([String].self, forKey: .command))
        case .systemd: self = .systemd(try container.decode(SystemdService.self, forKey: .systemd))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .systemd(let service):
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(service, forKey: .systemd)
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
        let mode = text.flatMap { $0.utf8.count == 4 ? UInt16(digits: $0, radix: 8) : nil }
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
