import ReleaseDefinition

extension RolloutPlan {
    /// Until when a person's yes holds at most: while hosts may start in the window that is open, else in the next one;
    /// where neither the rollout nor the policy names a window, for a span. nil: no window is left (trust.md "What must
    /// hold" 5).
    public func authorisableUntil(
        from now: UTCInstant, withoutWindow lifetime: TimeSpan, policyHasWindows: Bool = false
    ) -> UTCInstant? {
        guard definition.windows?.isEmpty == false || policyHasWindows, let starts else { return now + lifetime }
        return starts.first { $0.until > now }?.until
    }
}
