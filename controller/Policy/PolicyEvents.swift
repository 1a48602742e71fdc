import ReleaseDefinition

/// A policy came into force. Text and values are kept: the text for people, the values so that an old entry means the same
/// for ever.
public struct PolicyApplied: Sendable, Equatable, Codable {
    /// From 1, without gaps.
    public var version: Int
    public var text: String
    public var policy: ReleasePolicy
    public var reason: String
}

/// A person set rules aside for one release in one environment, until a moment.
public struct PolicyOverridden: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var rules: [PolicyRule]
    public var reason: String
    public var until: UTCInstant
    /// Of the policy at that time.
    public var version: Int
}

/// An emergency went past rules of the policy that would have held any other rollout.
public struct PolicyPassedOver: Sendable, Equatable, Codable {
    public var rollout: RolloutID
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var refusals: [PolicyRefusal]
    /// 0: there was none, only freezes that people declared.
    public var version: Int
}

/// Part of the controller's state.
struct PolicyRecord: Sendable {
    struct Version: Sendable {
        var applied: PolicyApplied
        var at: UTCInstant
        var by: String
    }

    struct Override: Sendable {
        var event: PolicyOverridden
        var at: UTCInstant
        var by: String
    }

    private(set) var versions: [Version] = []
    private(set) var overrides: [Override] = []

    var current: Version? { versions.last }

    mutating func apply(_ event: PolicyApplied, at now: UTCInstant, by actor: String) {
        versions.append(Version(applied: event, at: now, by: actor))
    }

    mutating func apply(_ event: PolicyOverridden, at now: UTCInstant, by actor: String) {
        overrides.append(Override(event: event, at: now, by: actor))
    }

    func isOverridden(
        _ rule: PolicyRule, _ release: ReleaseName, in environment: EnvironmentName, at now: UTCInstant
    ) -> Bool {
        overrides.contains {
            $0.event.release == release && $0.event.environment == environment && $0.event.rules.contains(rule)
                && now < $0.event.until
        }
    }
}
