import ReleaseDefinition

/// What this module throws of its own: `distribution.…`. Errors of the doors, of trust and of packaging pass as they are.
public struct DistributionError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "distribution." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
