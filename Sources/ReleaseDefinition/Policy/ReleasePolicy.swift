/// What `policy.yaml` says: which releases may be numbered how, and which rollouts may start where, when, and by whose
/// leave. What it does not mention is allowed.
public struct ReleasePolicy: Sendable, Equatable, Codable {
    public var numbering: Numbering
    /// Empty: every environment of the controller, without conditions. Else no other one is deployed to.
    public var environments: [EnvironmentPolicy]
    public var windows: [PolicyWindow]
    public var freezes: [PolicyFreeze]
    /// Times in which users are hindered most; they hold nothing, proposals keep clear of them.
    public var busy: [BusyTime]
    public var earlyLife: EarlyLife
    /// Who may set which rule aside, with a reason.
    public var overrides: [OverrideRight]
    public var gates: [GateDefinition]
    /// Where each value stands in the file, by its path, as `environments.production.strategies`.
    public var places: [String: SourcePlace]

    public init(
        numbering: Numbering = .init(), environments: [EnvironmentPolicy] = [], windows: [PolicyWindow] = [],
        freezes: [PolicyFreeze] = [], busy: [BusyTime] = [], earlyLife: EarlyLife = .init(),
        overrides: [OverrideRight] = [], gates: [GateDefinition] = [], places: [String: SourcePlace] = [:]
    ) {
        self.numbering = numbering
        self.environments = environments
        self.windows = windows
        self.freezes = freezes
        self.busy = busy
        self.earlyLife = earlyLife
        self.overrides = overrides
        self.gates = gates
        self.places = places
    }

    public func environment(_ name: EnvironmentName) -> EnvironmentPolicy? { environments.first { $0.name == name } }

    public func gate(_ name: GateName) -> GateDefinition? { gates.first { $0.name == name } }

    /// The windows of an environment; none: any time.
    public func windows(of environment: EnvironmentName) -> [PolicyWindow] {
        let names = self.environment(environment)?.windows ?? []
        return windows.filter { names.contains($0.name) }
    }
}

/// A place in a definition file, from 1.
public struct SourcePlace: Sendable, Equatable, Codable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

public struct EnvironmentPolicy: Sendable, Equatable, Codable {
    public var name: EnvironmentName
    /// A release must have been rolled out there to the end before.
    public var after: EnvironmentName?
    /// nil: all.
    public var strategies: [StrategyKind]?
    /// Empty: any time.
    public var windows: [WindowName]
    /// What must be left of a window when a rollout starts.
    public var duration: TimeSpan
    public var cadence: Cadence?
    /// How many people must have authorised the plan.
    public var authorisations: Int
    /// Whose turn it is, by permission sets, one after the other; nil: any approvers, in any order.
    public var authorisationChain: [String]?
    public var backOut: BackOutCriteria
    /// Every phase is judged by them, whatever it names itself.
    public var gates: [GateName]
    /// Rollouts of several products may not change the same hosts at the same time; else that is warned of.
    public var refusesOverlap: Bool?
    /// What must be proven of a release before it is rolled out there; nil: nothing.
    public var evidence: [EvidenceRule]?

    public init(
        name: EnvironmentName, after: EnvironmentName? = nil, strategies: [StrategyKind]? = nil,
        windows: [WindowName] = [], duration: TimeSpan = .minutes(15), cadence: Cadence? = nil,
        authorisations: Int = 0, authorisationChain: [String]? = nil, backOut: BackOutCriteria = .init(),
        gates: [GateName] = [], refusesOverlap: Bool? = nil, evidence: [EvidenceRule]? = nil
    ) {
        self.name = name
        self.after = after
        self.strategies = strategies
        self.windows = windows
        self.duration = duration
        self.cadence = cadence
        self.authorisations = authorisations
        self.authorisationChain = authorisationChain
        self.backOut = backOut
        self.gates = gates
        self.refusesOverlap = refusesOverlap
        self.evidence = evidence
    }
}

public enum StrategyKind: String, Sendable, Codable, CaseIterable { case bigBang, phased, parallel, continuous }

extension RolloutStrategy {
    public var kind: StrategyKind {
        switch self {
        case .parallel: .parallel
        case .continuous: .continuous
        case .bigBang: .bigBang
        case .phased: .phased
        }
    }
}

/// At most so many rollouts of a product begin within a span.
public struct Cadence: Sendable, Equatable, Codable {
    public var countMax: Int
    public var within: TimeSpan

    public init(countMax: Int, within: TimeSpan) {
        self.countMax = countMax
        self.within = within
    }
}

/// What plans may not be laxer than.
public struct BackOutCriteria: Sendable, Equatable, Codable {
    /// In percent of the hosts of a phase, and of a rollout.
    public var failurePercentMax: Int?
    /// How far a failing phase must reach back at least.
    public var scopeMin: BackOutScope?

    public init(failurePercentMax: Int? = nil, scopeMin: BackOutScope? = nil) {
        self.failurePercentMax = failurePercentMax
        self.scopeMin = scopeMin
    }
}

public struct PolicyWindow: Sendable, Equatable, Codable {
    public var name: WindowName
    public var window: MaintenanceWindow

    public init(name: WindowName, window: MaintenanceWindow) {
        self.name = name
        self.window = window
    }
}

public struct PolicyFreeze: Sendable, Equatable, Codable {
    public var freeze: Freeze
    /// Empty: all.
    public var environments: [EnvironmentName]
    /// A rollout that touches one of these is frozen.
    public var hosts: HostQuery

    public init(freeze: Freeze, environments: [EnvironmentName] = [], hosts: HostQuery = .all) {
        self.freeze = freeze
        self.environments = environments
        self.hosts = hosts
    }

    public func concerns(_ environment: EnvironmentName, _ hosts: [PolicyHost]) -> Bool {
        (environments.isEmpty || environments.contains(environment))
            && (self.hosts == .all || hosts.contains { self.hosts.matches(id: $0.id, labels: $0.labels) })
    }
}

/// A host as host queries see it.
public struct PolicyHost: Sendable, Equatable {
    public var id: HostID
    public var labels: [String: String]

    public init(id: HostID, labels: [String: String]) {
        self.id = id
        self.labels = labels
    }
}

public struct BusyTime: Sendable, Equatable, Codable {
    public var window: MaintenanceWindow
    /// How much each minute counts, 1 to 100.
    public var weight: Int
    public var reason: String

    public init(window: MaintenanceWindow, weight: Int = 1, reason: String) {
        self.window = window
        self.weight = weight
        self.reason = reason
    }
}

/// How long a release is watched after its rollout, by category; nil: 24 h, and a rollout may say less.
public struct EarlyLife: Sendable, Equatable, Codable {
    public static let spanDefault = TimeSpan.hours(24)

    public var major: TimeSpan?
    public var minor: TimeSpan?
    public var emergency: TimeSpan?

    public init(major: TimeSpan? = nil, minor: TimeSpan? = nil, emergency: TimeSpan? = nil) {
        self.major = major
        self.minor = minor
        self.emergency = emergency
    }

    public func span(of category: ReleaseCategory) -> TimeSpan { least(of: category) ?? Self.spanDefault }

    /// What no rollout may fall short of; nil: nothing is said.
    public func least(of category: ReleaseCategory) -> TimeSpan? {
        switch category {
        case .major: major
        case .minor: minor
        case .emergency: emergency
        }
    }
}

/// The rules that can refuse; those that people may set aside stand in `overrides`.
public enum PolicyRule: String, Sendable, Codable, CaseIterable {
    case numbering, environment, after, strategy, window, freeze, cadence, authorisations, backOut, gates
    case earlyLife, overlap, evidence
}

public struct OverrideRight: Sendable, Equatable, Codable {
    public var rule: PolicyRule
    /// Names of permission sets.
    public var by: [String]

    public init(rule: PolicyRule, by: [String]) {
        self.rule = rule
        self.by = by
    }
}
