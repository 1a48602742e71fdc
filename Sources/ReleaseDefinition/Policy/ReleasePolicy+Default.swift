extension ReleasePolicy {
    /// A rollout that nobody wrote a file for: by the environment's strategy, and no laxer than its back-out criteria. Phases,
    /// where they are allowed; else everybody at once. Where neither is, phases: the refusal then says what is allowed.
    public func rollout(
        of release: ReleaseName, in environment: EnvironmentName, to hosts: HostQuery
    ) -> RolloutDefinition {
        let own = self.environment(environment)
        let isAtOnce = own?.strategies.map { !$0.contains(.phased) && $0.contains(.bigBang) } ?? false
        var rollout = RolloutDefinition(
            release: release, environment: environment, hosts: hosts,
            strategy: isAtOnce ? .bigBang : .phasedByDefault)
        guard let criteria = own?.backOut else { return rollout }
        if let limit = criteria.failurePercentMax, rollout.failurePercentMax(of: 0) > limit {
            rollout.limits.failureTolerance = Tolerance(percent: limit)
        }
        if criteria.scopeMin == .rollout { rollout.backOut = .rollout }
        return rollout
    }
}
