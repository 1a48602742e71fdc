import ReleaseDefinition

/// Every error of `/v1`: RFC 9457 `application/problem+json`, with the four parts of a `ReportableError` beside the
/// standard's members.
public struct Problem: Sendable, Equatable, Codable {
    public static let mediaType = "application/problem+json"

    /// Below it every code has a page, with the words of `slipway explain`.
    public static let path = "/problems/"

    /// `/problems/<code>`, relative to the controller.
    public var type: String
    public var title: String
    public var status: Int
    public var detail: String
    public var code: String
    public var remedy: String
    public var cause: String?
    /// Of an error of the controller's own: under this number its log has the details.
    public var request: String?
    /// Each fault of its own, where what was sent may have several; `cause` has them as text. At most 100.
    public var errors: [Fault]?

    /// A fault in what was sent (RFC 9457 3's example).
    public struct Fault: Sendable, Equatable, Codable {
        public var detail: String
        /// JSON pointer (RFC 6901) of the member of the body, as a URI fragment: `#/text`. nil: the body is no JSON.
        public var pointer: String?
        /// Of a definition's problem: its own code and line.
        public var code: String?
        public var line: Int?

        public init(detail: String, pointer: String? = nil, code: String? = nil, line: Int? = nil) {
            (self.detail, self.pointer, self.code, self.line) = (detail, pointer, code, line)
        }
    }

    public init(status: Int, error: any ReportableError) {
        type = Self.path + error.code
        title = Self.title(of: status)
        self.status = status
        detail = error.summary
        code = error.code
        remedy = error.remedy
        cause = error.cause
    }

    /// RFC 9110 15's words for the statuses that the API uses.
    public static func title(of status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 423: "Locked"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: "HTTP status \(status)"
        }
    }
}
