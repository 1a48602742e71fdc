import ReleaseDefinition

/// Every error of `/v1`: RFC 9457 `application/problem+json`, with the four parts of a `ReportableError` beside the
/// standard's members.
public struct Problem: Sendable, Equatable, Codable {
    public static let mediaType = "application/problem+json"

    /// `urn:slipway:<code>`; `slipway explain CODE` has its text.
    public var type: String
    public var title: String
    public var status: Int
    public var detail: String
    public var code: String
    public var remedy: String
    public var cause: String?
    /// Of an error of the controller's own: under this number its log has the details.
    public var request: String?

    public init(status: Int, error: any ReportableError) {
        type = "urn:slipway:\(error.code)"
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
