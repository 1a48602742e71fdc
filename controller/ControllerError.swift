import ControllerAPI
import Hummingbird
import ReleaseDefinition

/// What the controller throws. Families by who acts: `controller.request.…` and `controller.conflict.…` the caller,
/// `controller.store.…` and `controller.setup.…` whoever runs the controller.
public struct ControllerError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?
    /// With 429: how long to wait.
    public var retryAfter: TimeSpan?
    /// Each fault of what was sent, where there may be several.
    public var faults: [Problem.Fault]?
    /// What an HTTP caller is told.
    public var status: HTTPResponse.Status

    public init(
        _ status: HTTPResponse.Status, code: String, summary: String, remedy: String, cause: String? = nil
    ) {
        self.status = status
        self.code = "controller." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}

extension ControllerError {
    static func setup(_ code: String, _ summary: String, remedy: String, cause: String? = nil) -> Self {
        Self(.internalServerError, code: "setup." + code, summary: summary, remedy: remedy, cause: cause)
    }

    static func store(_ code: String, _ summary: String, remedy: String, cause: String? = nil) -> Self {
        Self(.internalServerError, code: "store." + code, summary: summary, remedy: remedy, cause: cause)
    }

    static func badRequest(_ code: String, _ summary: String, remedy: String, cause: String? = nil) -> Self {
        Self(.badRequest, code: "request." + code, summary: summary, remedy: remedy, cause: cause)
    }

    static func notFound(_ what: String, remedy: String = "List what exists, then ask again.") -> Self {
        Self(.notFound, code: "request.notFound", summary: "There is no \(what).", remedy: remedy)
    }

    static func conflict(_ code: String, _ summary: String, remedy: String) -> Self {
        Self(.conflict, code: "conflict." + code, summary: summary, remedy: remedy)
    }

    static func unauthorized(_ code: String, _ summary: String, remedy: String) -> Self {
        Self(.unauthorized, code: "access." + code, summary: summary, remedy: remedy)
    }

    static func forbidden(_ code: String, _ summary: String, remedy: String) -> Self {
        Self(.forbidden, code: "access." + code, summary: summary, remedy: remedy)
    }
}

extension HTTPResponse.Status {
    /// RFC 4918 11.5; the library has no name for it.
    static var insufficientStorage: Self { Self(code: 507, reasonPhrase: "Insufficient Storage") }
}
