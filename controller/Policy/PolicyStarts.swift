import Effects
import ReleaseDefinition
import ReleaseRollout

extension Controller {
    /// When the policy lets hosts of a rollout start; nil: at any time. What a person set aside does not bind.
    func policyStarts(_ definition: RolloutDefinition) throws -> [StartInterval]? {
        guard let policy else { return nil }
        let now = time.now()
        let (release, environment) = (definition.release, definition.environment)
        func binds(_ rule: PolicyRule) -> Bool { !state.policy.isOverridden(rule, release, in: environment, at: now) }
        let windows = binds(.window) ? policy.windows(of: environment).map(\.window) : []
        let hosts = matchingHosts(definition)
        let freezes = binds(.freeze) ? policy.freezes.filter { $0.concerns(environment, hosts) }.map(\.freeze) : []
        let starts = try StartInterval.all(
            windows: windows, freezes: freezes, expected: policy.environment(environment)?.duration ?? .zero, from: now,
            zone: ZoneFolder.rules)
        // Never: said with the line that says so.
        if starts?.isEmpty == true { try obeyPolicyAtStart(definition) }
        return starts
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
