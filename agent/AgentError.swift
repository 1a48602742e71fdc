import ReleaseDefinition

/// What the agent throws: `agent.…`.
public struct AgentError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "agent." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
