import ReleaseDefinition

extension RolloutPlan {
    /// Until when a person's yes holds at most: while hosts may start in the window that is open, else in the next one;
    /// where the rollout names no window, for a span. nil: no window is left (trust.md "What must hold" 5).
    public func authorisableUntil(from now: UTCInstant, withoutWindow lifetime: TimeSpan) -> UTCInstant? {
        guard definition.windows?.isEmpty == false, let starts else { return now + lifetime }
        return starts.first { $0.until > now }?.until
    }
}
