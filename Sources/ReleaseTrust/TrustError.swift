import ReleaseDefinition

/// A refusal of the trust core: `trust.<what was judged>.<why>`. The trusted state is as it was before.
public struct TrustError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "trust." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
