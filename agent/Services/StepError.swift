import AgentProtocol
import Effects
import ReleaseDefinition

/// A step that failed, and the output that shows why; captured before anything is restored.
struct StepError: Error, Sendable {
    var failureClass: FailureClass
    var error: ReportedError
    var output: String

    init(_ failureClass: FailureClass, _ error: any ReportableError, output: String = "") {
        self.failureClass = failureClass
        self.error = ReportedError(error)
        self.output = output
    }

    /// Whatever was thrown where nothing more is known than the step: `otherwise` unless the error itself says more.
    init(_ error: any Error, otherwise: FailureClass) {
        if let error = error as? StepError {
            self = error
            return
        }
        let reported = ReportedError(error)
        self.init(Self.failureClass(of: reported.code) ?? otherwise, reported)
    }

    /// By who acts: only what lies in the release counts against it (semantics 2).
    private static func failureClass(of code: String) -> FailureClass? {
        switch code {
        case "effects.file.noSpace", "effects.file.descriptors", "effects.file.readOnly", "packaging.staging.space":
            .preflight
        case let code where code.hasPrefix("effects.http") || code.hasPrefix("distribution.transport"): .transport
        case let code where code.hasPrefix("trust.") || code.hasPrefix("packaging."): .verify
        default: nil
        }
    }

    /// The words for a report, the log cut to its last `FailureEvidence.logTailMax` bytes. What the failing program said
    /// itself comes last: it is what people see first.
    func failure(at step: InstallationStep, log: String = "") -> InstallationFailure {
        let text =
            output.isEmpty
            ? log : log.isEmpty ? output : "--- service log ---\n" + log + "\n--- what failed said ---\n" + output
        return InstallationFailure(
            failureClass: failureClass,
            evidence: FailureEvidence(step: step, error: error, logTail: text.tail(FailureEvidence.logTailMax)))
    }
}
