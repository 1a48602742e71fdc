import ReleaseDefinition

/// What this module throws: a plan that cannot be made (`rollout.plan.…`) or a verb that does not fit the state of the
/// rollout (`rollout.verb.…`). What hosts report never throws: late, doubled and foreign words are answered with no events.
public struct RolloutError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "rollout." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
