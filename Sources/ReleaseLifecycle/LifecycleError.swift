import ReleaseDefinition

/// A refusal of the record: `lifecycle.<verb>.<why>`. Nothing has changed.
public struct LifecycleError: ReportableError, Equatable {
    public var code: String
    public var summary: String
    public var remedy: String
    /// A line for each gate that is not met.
    public var cause: String?

    public init(code: String, summary: String, remedy: String, cause: String? = nil) {
        self.code = "lifecycle." + code
        self.summary = summary
        self.remedy = remedy
        self.cause = cause
    }

    /// - Parameter gates: not empty, none of them met.
    static func refused(_ verb: String, _ what: String, _ gates: [LifecycleGate]) -> LifecycleError {
        let lines = gates.map { "\($0.name): \($0.found)\($0.remedy.map { " \($0)" } ?? "")" }
        return LifecycleError(
            code: "\(verb).refused",
            summary: "\(what): \(gates.count == 1 ? "something is" : "\(gates.count) things are") missing.",
            remedy: gates.compactMap(\.remedy).first.map { "First: \($0)" } ?? "Wait until it is so.",
            cause: lines.joined(separator: "\n"))
    }
}
