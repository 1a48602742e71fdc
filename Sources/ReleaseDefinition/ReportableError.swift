/// An error that a person can act on. Each module has one struct that conforms.
///
/// `code` is dotted and permanent (`trust.snapshot.rollback`) and the only part that programs compare; its first
/// component names the module. `summary` says what is wrong, where, and both values. `remedy` says what to do next.
public protocol ReportableError: Error, Sendable, CustomStringConvertible {
    var code: String { get }
    var summary: String { get }
    var remedy: String { get }
    /// What lies beneath, already in words: an errno with its call and path, a library's message.
    var cause: String? { get }
}

extension ReportableError {
    public var description: String {
        var text = "\(code): \(summary)"
        if let cause { text += " (\(cause))" }
        guard !remedy.isEmpty else { return text }
        let isSentence = text.last.map { ".!?:)\n".contains($0) } ?? true
        return text + (isSentence ? " " : ". ") + remedy
    }
}

/// An error that has been carried over a wire or read from a journal: the same four parts, without the type.
public struct ReportedError: ReportableError, Codable, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }

    /// Keeps the parts of a reportable error; any other error becomes `unexpected` with its description.
    public init(_ error: any Error) {
        if let error = error as? any ReportableError {
            self.init(code: error.code, summary: error.summary, remedy: error.remedy, cause: error.cause)
        } else {
            self.init(
                code: "unexpected", summary: String(describing: error),
                remedy: "This is a defect of Slipway: please report it with the log.")
        }
    }
}

/// What this module throws: a value that does not have the form it must have.
public struct DefinitionError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    public var cause: String?
    /// Of a JSON document that was read as a type: where it is.
    public var pointer: JSONPointer?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "definition." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }
}
