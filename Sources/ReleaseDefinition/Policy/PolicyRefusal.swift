/// Why a policy says no: the rule, where it stands, both values, and what helps.
public struct PolicyRefusal: Sendable, Equatable, Codable, CustomStringConvertible {
    public var rule: PolicyRule
    /// Of the value in the policy, as `environments.production.windows`.
    public var path: String
    /// nil: the policy was not read from a file.
    public var place: SourcePlace?
    public var summary: String
    public var remedy: String
    /// From when on the same would be allowed, where that is known.
    public var until: UTCInstant?

    public init(
        rule: PolicyRule, path: String, place: SourcePlace?, summary: String, remedy: String, until: UTCInstant? = nil
    ) {
        self.rule = rule
        self.path = path
        self.place = place
        self.summary = summary
        self.remedy = remedy
        self.until = until
    }

    /// `12:5: environments.production.strategies: bigBang is asked for, phased is allowed. …`
    public var description: String {
        let line = place.map { "\($0.line):\($0.column): " } ?? ""
        return "\(line)\(path): \(summary) \(remedy)"
    }
}

/// A release that is to be taken in.
public struct PolicySubmission: Sendable {
    public var release: ReleaseName
    public var category: ReleaseCategory
    public var environment: EnvironmentName
    /// Of the same product.
    public var known: [ReleaseVersion]

    public init(
        release: ReleaseName, category: ReleaseCategory, environment: EnvironmentName, known: [ReleaseVersion]
    ) {
        self.release = release
        self.category = category
        self.environment = environment
        self.known = known
    }
}

/// What the rules need to know of the world at the moment a rollout is to start.
public struct PolicyFacts: Sendable {
    public var now: UTCInstant
    public var hosts: [PolicyHost]
    /// Where a rollout of this release came to its good end.
    public var rolledOutIn: Set<EnvironmentName>
    /// When rollouts of the product began in the environment.
    public var starts: [UTCInstant]
    public var authorisations: Int
    /// Of the release; nil: not known.
    public var category: ReleaseCategory?
    /// Other products' rollouts that may change the same hosts at the same time, a sentence each.
    public var overlaps: [String]
    /// How the clocks of the windows' zones go.
    public var zones: [String: ZoneRules]

    public init(
        now: UTCInstant, hosts: [PolicyHost] = [], rolledOutIn: Set<EnvironmentName> = [], starts: [UTCInstant] = [],
        authorisations: Int = 0, category: ReleaseCategory? = nil, overlaps: [String] = [],
        zones: [String: ZoneRules] = [:]
    ) {
        self.now = now
        self.hosts = hosts
        self.rolledOutIn = rolledOutIn
        self.starts = starts
        self.authorisations = authorisations
        self.category = category
        self.overlaps = overlaps
        self.zones = zones
    }
}
