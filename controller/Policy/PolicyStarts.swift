import Effects
import ReleaseDefinition
import ReleaseRollout

extension Controller {
    /// When the policy lets hosts of a rollout start; nil: at any time. What a person set aside does not bind.
    func policyStarts(_ definition: RolloutDefinition) throws -> [StartInterval]? {
        let starts = try policyIntervals(definition)
        // Never: said with the line that says so.
        if starts?.isEmpty == true { try obeyPolicyAtStart(definition) }
        return starts
    }

    private func policyIntervals(_ definition: RolloutDefinition) throws -> [StartInterval]? {
        guard let policy else { return nil }
        let now = time.now()
        let (release, environment) = (definition.release, definition.environment)
        func binds(_ rule: PolicyRule) -> Bool { !state.policy.isOverridden(rule, release, in: environment, at: now) }
        let windows = binds(.window) ? policy.windows(of: environment).map(\.window) : []
        let hosts = matchingHosts(definition)
        let freezes = binds(.freeze) ? policy.freezes.filter { $0.concerns(environment, hosts) }.map(\.freeze) : []
        return try StartInterval.all(
            windows: windows, freezes: freezes, expected: policy.environment(environment)?.duration ?? .zero, from: now,
            zone: ZoneFolder.rules)
    }

    /// What the rollout's own windows and freezes leave.
    func ownIntervals(_ definition: RolloutDefinition) throws -> [StartInterval]? {
        let limits = definition.limits
        return try StartInterval.all(
            windows: definition.windows, freezes: definition.freezes,
            expected: limits.expectedDuration ?? limits.progressDeadline, from: time.now(), zone: ZoneFolder.rules)
    }

    /// Both together; asks the policy for nothing but the times.
    func startsThatRemain(_ definition: RolloutDefinition) throws -> [StartInterval]? {
        StartInterval.common(try ownIntervals(definition), try policyIntervals(definition))
    }

    /// Whether windows of the policy bound when hosts of this release start.
    func policyHasWindows(_ release: ReleaseName, in environment: EnvironmentName) -> Bool {
        guard let policy, !policy.windows(of: environment).isEmpty else { return false }
        return !state.policy.isOverridden(.window, release, in: environment, at: time.now())
    }
}

extension StartInterval {
    /// What two lists have in common; nil binds nothing.
    static func common(_ one: [StartInterval]?, _ other: [StartInterval]?) -> [StartInterval]? {
        guard let one, let other else { return one ?? other }
        return one.flatMap { left in
            other.compactMap { right in
                let (from, until) = (max(left.from, right.from), min(left.until, right.until))
                return from < until ? StartInterval(from: from, until: until) : nil
            }
        }.sorted { $0.from < $1.from }
    }
}
