import ReleaseDefinition

/// What the client throws: the controller's own error as it came (`code` is the controller's), or, with code `api.…`,
/// what kept the two from talking.
public struct ControllerAPIError: ReportableError, Equatable {
    /// Who acts, and so the program's exit code.
    public enum Family: Sendable, Equatable, CaseIterable {
        /// The request was heard and is wrong, or failed.
        case refused
        case notFound
        /// No token, a wrong one, or one that may not do this.
        case permission
        /// Something changed, or is in the way.
        case conflict
        /// Outside a window, frozen, or not approved.
        case notNow
        case unreachable
    }

    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?
    public var family: Family

    public init(family: Family, code: String, summary: String, remedy: String, cause: String? = nil) {
        self.family = family
        self.code = "api." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }

    /// The controller's error.
    public init(_ problem: Problem) {
        family = Self.family(ofStatus: problem.status)
        code = problem.code
        summary = problem.detail
        remedy = problem.remedy
        cause = problem.cause
    }

    public static func family(ofStatus status: Int) -> Family {
        switch status {
        case 401, 403: .permission
        case 404: .notFound
        case 409, 412, 428: .conflict
        case 423: .notNow
        case 429, 502, 503, 504: .unreachable
        default: .refused
        }
    }
}
