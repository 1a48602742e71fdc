import ControllerAPI
import ReleaseDefinition

struct LifecyclePresentation: Presentable {
    var lifecycle: LifecycleView

    static let columns = ["RELEASE", "STAGE", "ENVIRONMENT", "MISSING", "WHERE IT STANDS"]
    var cells: [String] {
        [
            lifecycle.release.description, lifecycle.stage.rawValue, lifecycle.environment.text,
            String(lifecycle.gates.count { !$0.isMet }), words,
        ]
    }
    var name: String { lifecycle.release.description }
    func encode(to encoder: any Encoder) throws { try lifecycle.encode(to: encoder) }

    private var words: String {
        lifecycle.words + (lifecycle.isReviewOverdue ? "; its review is OVERDUE" : "")
    }

    var details: String {
        let facts = TextTable(pairs: [
            ("release", lifecycle.release.description), ("stage", lifecycle.stage.rawValue), ("stands", words),
            ("environment", lifecycle.environment.text), ("package", lifecycle.package?.hex ?? "-"),
            ("review due", lifecycle.reviewDueAt?.description ?? "-"),
        ])
        let gates = lifecycle.gates.isEmpty ? "" : "\nnext:\n" + GateRow.table(lifecycle.gates)
        let open = lifecycle.deviations.filter { $0.resolution == nil }
        let deviations =
            open.isEmpty
            ? "" : "\nopen:\n" + open.map { "  \($0.id) \($0.kind.rawValue): \($0.text) (\($0.owner))\n" }.joined()
        let errors = lifecycle.knownErrors.map { "known error: \($0.text) → \($0.workaround)\n" }.joined()
        return facts.text + gates + deviations + errors
    }
}

enum GateRow {
    static func table(_ gates: [LifecycleGate]) -> String {
        TextTable(
            ["", "GATE", "FOUND", "REMEDY"],
            gates.map { [$0.isMet ? "✓" : "✗", $0.name, $0.found, $0.remedy ?? "-"] }
        ).text
    }
}

struct ChecklistPresentation: Presentable {
    var item: ChecklistItem

    static let columns = ["READY", "QUESTION", "FOUND", "REMEDY"]
    var cells: [String] {
        let missing = item.gates.filter { !$0.isMet }
        let shown = missing.isEmpty ? item.gates : missing
        return [
            item.isMet ? "yes" : "NO", item.question.words, shown.map(\.found).joined(separator: "; "),
            missing.compactMap(\.remedy).first ?? "-",
        ]
    }
    var name: String { item.question.rawValue }
    func encode(to encoder: any Encoder) throws { try item.encode(to: encoder) }
}

extension ChecklistQuestion {
    /// As the checklist asks it.
    var words: String {
        switch self {
        case .planApproved: "plan approved"
        case .packageValidated: "package built and validated"
        case .testResults: "test results"
        case .backOutTested: "back-out documented and tested"
        case .communicationSent: "communication sent"
        case .backupsVerified: "backups taken and verified"
        case .configurationRecorded: "CMDB update pending"
        case .earlyLifeScheduled: "early life support scheduled"
        }
    }
}

struct EvidencePresentation: Presentable {
    var evidence: EvidenceRecord

    static let columns = ["ID", "KIND", "ABOUT", "SAYS", "BY", "AT", "DOCUMENT"]
    var cells: [String] {
        [
            evidence.id.short, evidence.kind.rawValue, evidence.about ?? "-", evidence.summary.words, evidence.by,
            evidence.statedAt.wholeSeconds.description,
            evidence.document.map { "\($0.name) (\($0.length))" } ?? "-",
        ]
    }
    var name: String { evidence.id.hex }
    func encode(to encoder: any Encoder) throws { try evidence.encode(to: encoder) }
}

struct DeviationPresentation: Presentable {
    var deviation: Deviation

    static let columns = ["ID", "KIND", "OWNER", "RAISED", "STATE", "TEXT"]
    var cells: [String] {
        [
            deviation.id, deviation.kind.rawValue, deviation.owner,
            "\(deviation.raisedAt.wholeSeconds) by \(deviation.raisedBy)",
            deviation.resolution.map { "resolved: \($0.action)" } ?? "open", deviation.text,
        ]
    }
    var name: String { deviation.id }
    func encode(to encoder: any Encoder) throws { try deviation.encode(to: encoder) }
}
