/// What `rollout.yaml` says: which release goes where, in which steps, within which limits.
public struct RolloutDefinition: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var hosts: HostQuery
    public var strategy: RolloutStrategy
    public var limits: RolloutLimits
    public var backOut: BackOutScope
    /// Of rollouts of one product on the same hosts the higher goes first; nil: 0.
    public var priority: Int?
    /// Hosts are changed only while one of them is open; nil: at any time.
    public var windows: [MaintenanceWindow]?
    /// No host starts while one of them holds.
    public var freezes: [Freeze]?
    /// What cannot be taken back, in words; nil: everything can. A crossed limit then halts, and nothing goes back by itself.
    public var irreversible: String?
    /// Whether a stop hook of the release that is left may fail (semantics 5); nil: it may not.
    public var ignoreStopFailure: Bool?

    public init(
        release: ReleaseName, environment: EnvironmentName, hosts: HostQuery = .all, strategy: RolloutStrategy,
        limits: RolloutLimits = .init(), backOut: BackOutScope = .phase, priority: Int? = nil,
        windows: [MaintenanceWindow]? = nil, freezes: [Freeze]? = nil, irreversible: String? = nil,
        ignoreStopFailure: Bool? = nil
    ) {
        self.ignoreStopFailure = ignoreStopFailure
        self.release = release
        self.environment = environment
        self.hosts = hosts
        self.strategy = strategy
        self.limits = limits
        self.backOut = backOut
        self.priority = priority
        self.windows = windows
        self.freezes = freezes
        self.irreversible = irreversible
    }
}

public enum RolloutStrategy: Sendable, Equatable, Codable {
    /// One phase with every host.
    case bigBang
    /// Cumulative phases, the first is the pilot.
    case phased([PhaseDefinition])
    /// Two sides: one that carries no traffic gets the release, the traffic is switched to it, then the other follows.
    case parallel(ParallelDefinition)
    /// As phased; and each newer release that may go where this one went starts by itself.
    case continuous([PhaseDefinition])

    /// Pilot 1 host, then 10 %, 50 %, 100 % (semantics 1).
    public static let phasedByDefault = phased(phasesByDefault)
    public static let phasesByDefault: [PhaseDefinition] = [
        .init(size: .count(1)), .init(size: .percent(10)), .init(size: .percent(50)), .init(size: .percent(100)),
    ]
}

extension RolloutStrategy {
    /// nil: they do not have any of their own.
    public var phases: [PhaseDefinition]? {
        switch self {
        case .phased(let phases), .continuous(let phases): phases
        case .bigBang, .parallel: nil
        }
    }

    public var isContinuous: Bool { if case .continuous = self { true } else { false } }
}

public struct ParallelDefinition: Sendable, Equatable, Codable {
    public var first: HostQuery
    public var second: HostQuery
    /// The name of a program in the controller's folder `hooks`, which an administrator put there.
    public var switchHook: HookName
    public var timeout: TimeSpan
    /// How long the first side is watched before the switch, and after it.
    public var bake: TimeSpan

    public init(
        first: HostQuery, second: HostQuery, switchHook: HookName, timeout: TimeSpan = .minutes(5),
        bake: TimeSpan = .zero
    ) {
        self.first = first
        self.second = second
        self.switchHook = switchHook
        self.timeout = timeout
        self.bake = bake
    }
}

/// `"bigBang"` or `{"phased":[…]}`.
extension RolloutStrategy {
    private enum Keys: String, CodingKey { case phased, parallel, continuous }

    public init(from decoder: any Decoder) throws {
        if let word = try? String(from: decoder) {
            guard word == "bigBang" else {
                throw DefinitionError(
                    code: "strategy", summary: "\(word.debugDescription) is no strategy.",
                    remedy: "Write \"bigBang\" or phases.")
            }
            self = .bigBang
            return
        }
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a strategy") {
        case .phased: self = .phased(try container.decode([PhaseDefinition].self, forKey: .phased))
        case .parallel: self = .parallel(try container.decode(ParallelDefinition.self, forKey: .parallel))
        case .continuous: self = .continuous(try container.decode([PhaseDefinition].self, forKey: .continuous))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .bigBang:
            var container = encoder.singleValueContainer()
            try container.encode("bigBang")
        case .phased(let phases):
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(phases, forKey: .phased)
        case .parallel(let sides):
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(sides, forKey: .parallel)
        case .continuous(let phases):
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(phases, forKey: .continuous)
        }
    }
}

public struct PhaseDefinition: Sendable, Equatable, Codable {
    public var size: PhaseSize
    /// nil: `size` is cumulative, of all hosts. Else these hosts, as far as no phase before has them, and `size` is of them.
    public var members: PhaseMembers?
    /// How long a phase is watched after its last host succeeded.
    public var bake: TimeSpan
    /// nil: the rollout's. The pilot's is 0 unless given here.
    public var failureTolerance: Tolerance?
    /// nil: what the tolerances leave. A percentage is rounded up.
    public var requiredSuccesses: PhaseSize?
    /// nil: automatic.
    public var promotion: PhasePromotion?
    /// Of the policy; nil: none but those that it asks of every phase.
    public var gates: [GateName]?

    public init(
        size: PhaseSize, members: PhaseMembers? = nil, bake: TimeSpan = .zero, failureTolerance: Tolerance? = nil,
        requiredSuccesses: PhaseSize? = nil, promotion: PhasePromotion? = nil, gates: [GateName]? = nil
    ) {
        self.gates = gates
        self.size = size
        self.members = members
        self.bake = bake
        self.failureTolerance = failureTolerance
        self.requiredSuccesses = requiredSuccesses
        self.promotion = promotion
    }
}

/// Hosts that a phase names.
public enum PhaseMembers: Sendable, Equatable, Codable {
    case query(HostQuery)
    case list([HostID])
}

/// `{"query":"zone=a"}` or `{"list":["web-1"]}`.
extension PhaseMembers {
    private enum Keys: String, CodingKey { case query, list }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "the hosts of a phase") {
        case .query: self = .query(try container.decode(HostQuery.self, forKey: .query))
        case .list: self = .list(try container.decode([HostID].self, forKey: .list))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .query(let query): try container.encode(query, forKey: .query)
        case .list(let hosts): try container.encode(hosts, forKey: .list)
        }
    }
}

/// What lets the next phase start once a phase could pass.
public enum PhasePromotion: String, Sendable, Codable, CaseIterable {
    case automatic
    /// A person says so.
    case manual
}

/// How many hosts with the same value of a label may be changed at once, as of a cluster.
public struct MaxUnavailable: Sendable, Equatable, Codable {
    public var by: String
    public var count: Int

    public init(by: String, count: Int) {
        self.by = by
        self.count = count
    }
}

/// Cumulative: how many of all hosts have the release once the phase is done. A percentage is ⌊p × N⌋.
public enum PhaseSize: Sendable, Equatable, Codable {
    case count(Int)
    case percent(Int)

    public func hosts(of total: Int) -> Int {
        switch self {
        case .count(let count): min(max(0, count), total)
        case .percent(let percent): total * min(max(0, percent), 100) / 100
        }
    }
}

/// `{"hosts":1}` or `{"percent":50}`, as in `rollout.yaml`.
extension PhaseSize {
    private enum Keys: String, CodingKey { case hosts, percent }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a number of hosts") {
        case .hosts: self = .count(try container.decode(Int.self, forKey: .hosts))
        case .percent: self = .percent(try container.decode(Int.self, forKey: .percent))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .count(let count): try container.encode(count, forKey: .hosts)
        case .percent(let percent): try container.encode(percent, forKey: .percent)
        }
    }
}

/// How many may fail: a count, a percentage (⌊p × N⌋), or both, where the smaller wins.
public struct Tolerance: Sendable, Equatable, Codable {
    public var count: Int?
    public var percent: Int?

    public init(count: Int? = nil, percent: Int? = nil) {
        self.count = count
        self.percent = percent
    }

    public static let none = Tolerance(count: 0)

    public func allowed(of total: Int) -> Int {
        let byPercent = percent.map { total * min(max(0, $0), 100) / 100 }
        return max(0, min(count ?? .max, byPercent ?? .max, total))
    }
}

public struct RolloutLimits: Sendable, Equatable, Codable {
    /// Hosts of a phase that are changed at once: 25 %, at least 1.
    public var parallelism: PhaseSize
    /// nil: 5 % in later phases, 10 % for big bang (the pilot's is 0).
    public var failureTolerance: Tolerance?
    public var offlineTolerance: Tolerance
    /// How long a pushed host may be out of contact before it counts as offline.
    public var offlineGrace: TimeSpan
    /// From the order until a host must have reached a terminal state.
    public var progressDeadline: TimeSpan
    /// nil: the parallelism alone counts.
    public var maxUnavailable: MaxUnavailable?
    /// How much of a window must be left for a host to start; nil: the progress deadline.
    public var expectedDuration: TimeSpan?
    /// Since the start: hosts that pull and never report may have the release then; nil: once all others have.
    public var silentAfter: TimeSpan?
    /// nil: proceed.
    public var unhealthyBefore: UnhealthyBefore?
    /// After success: how long a host that turns unhealthy is taken back; nil: 24 h.
    public var earlyLife: TimeSpan?
    /// Bytes a second that a host's downloads may take; nil: what the host allows, which is never exceeded.
    public var bandwidth: ByteCount?
    /// Bytes a second that the downloads of all hosts of a phase may take that are changed at once, each the same share; nil: no bound.
    /// A host that comes late to an earlier phase takes such a share beside them.
    public var totalBandwidth: ByteCount?

    /// Below it nothing would ever arrive.
    public static let bandwidthMin = ByteCount(1 << 10)

    public init(
        parallelism: PhaseSize = .percent(25), failureTolerance: Tolerance? = nil,
        offlineTolerance: Tolerance = Tolerance(percent: 10), offlineGrace: TimeSpan = .minutes(15),
        progressDeadline: TimeSpan = .minutes(10), maxUnavailable: MaxUnavailable? = nil,
        expectedDuration: TimeSpan? = nil, silentAfter: TimeSpan? = nil, unhealthyBefore: UnhealthyBefore? = nil,
        earlyLife: TimeSpan? = nil, bandwidth: ByteCount? = nil, totalBandwidth: ByteCount? = nil
    ) {
        self.bandwidth = bandwidth
        self.totalBandwidth = totalBandwidth
        self.parallelism = parallelism
        self.failureTolerance = failureTolerance
        self.offlineTolerance = offlineTolerance
        self.offlineGrace = offlineGrace
        self.progressDeadline = progressDeadline
        self.maxUnavailable = maxUnavailable
        self.expectedDuration = expectedDuration
        self.silentAfter = silentAfter
        self.unhealthyBefore = unhealthyBefore
        self.earlyLife = earlyLife
    }
}

/// What becomes of a host that is unhealthy before it gets the release (semantics 2).
public enum UnhealthyBefore: String, Sendable, Codable, CaseIterable {
    /// It gets the release, and counts neither way.
    case proceed
    /// It is skipped, and counts as such.
    case skip
}
