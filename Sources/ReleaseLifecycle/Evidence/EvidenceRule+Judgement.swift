import ReleaseDefinition

extension EvidenceRule {
    /// Whether the statements satisfy the rule. The newest word counts: of each person where several are asked, and of
    /// tests, scans and rehearsals whoever's it is. Newest is what was stated last, and of the same moment what came in
    /// last: who sends an old statement once more changes nothing.
    /// - Parameter evidence: about the package that is meant, in the order in which it came in.
    public func judge(_ evidence: [EvidenceRecord], release: ReleaseName, at now: UTCInstant) -> LifecycleGate {
        let name = "evidence.\(kind.rawValue)" + (about.map { ".\($0)" } ?? "")
        let own = evidence.filter { $0.kind == kind && (about == nil || $0.about == about) }.enumerated()
            .sorted { ($0.element.statedAt, $0.offset) < ($1.element.statedAt, $1.offset) }.map(\.element)
        guard let newest = own.last else {
            let whom = about.map { " about \($0)" } ?? ""
            return LifecycleGate(
                name, isMet: false, found: "there is no \(kind.words)\(whom) for this package", remedy: remedy(release))
        }
        if let why = refusal(newest, at: now) {
            return LifecycleGate(name, isMet: false, found: why, remedy: remedy(release))
        }
        var latest: [String: EvidenceRecord] = [:]
        for record in own { latest[record.by] = record }
        let good = latest.values.filter { refusal($0, at: now) == nil }.map(\.by).sorted()
        let words = "\(newest.summary.words) (by \(newest.by) at \(newest.statedAt))"
        guard good.count >= count else {
            return LifecycleGate(
                name, isMet: false, found: "\(good.count) of \(count.of("person")) have stated it: \(words)",
                remedy: remedy(release))
        }
        return LifecycleGate(name, isMet: true, found: words)
    }

    /// Why a statement does not satisfy the rule; nil: it does.
    private func refusal(_ record: EvidenceRecord, at now: UTCInstant) -> String? {
        if let within, record.statedAt + within < now {
            return "the newest \(kind.words) is of \(record.statedAt), older than \(within)"
        }
        switch kind {
        case .tests:
            let failed = record.summary.counts["failed"] ?? 0
            if failed > failuresMax {
                return "\(failed) of \(Self.total(record)) tests failed, \(failuresMax) may: \(Self.list(record))"
            }
            return Self.total(record) == 0 ? "no test was run" : nil
        case .scan:
            let beyond = ScanLevel.allCases.filter { level in worst.map { level > $0 } ?? true }
            let found = beyond.map { (level: $0, count: record.summary.counts[$0.rawValue] ?? 0) }
                .filter { $0.count > 0 }
            if found.isEmpty { return nil }
            let words = found.map { "\($0.count) \($0.level.rawValue)" }.joined(separator: ", ")
            return
                "\(words) found, \(worst.map { "\($0.rawValue) is the worst" } ?? "none") let pass: \(Self.list(record))"
        default:
            return record.summary.result == .passed ? nil : "the newest \(kind.words) says failed: \(Self.list(record))"
        }
    }

    private static func total(_ record: EvidenceRecord) -> Int {
        (record.summary.counts["passed"] ?? 0) + (record.summary.counts["failed"] ?? 0)
    }

    private static func list(_ record: EvidenceRecord) -> String {
        record.summary.notes.isEmpty ? "-" : record.summary.notes.prefix(5).joined(separator: ", ")
    }

    private func remedy(_ release: ReleaseName) -> String {
        if kind == .pilot {
            let place = about.map { " in \($0)" } ?? ""
            return "slipway rollout start FILE, of a phased rollout of \(release)\(place)"
        }
        let whom = about.map { " --about '\($0)'" } ?? ""
        let file =
            switch kind {
            case .tests: " --file JUNIT.xml"
            case .scan: " --file FINDINGS.sarif"
            case .billOfMaterials: " --file SBOM.spdx.json"
            case .provenance: " --file PROVENANCE.json"
            default: " --file FILE"
            }
        return "slipway release evidence add \(release) --kind \(kind.rawValue)\(whom)\(file)"
    }
}

extension EvidenceKind {
    /// As it stands in a sentence.
    public var words: String {
        switch self {
        case .tests: "test result"
        case .scan: "scan"
        case .billOfMaterials: "bill of materials"
        case .provenance: "provenance"
        case .rehearsal: "rehearsal"
        case .pilot: "pilot that has passed"
        case .backupVerification: "verification of backups"
        case .signOff: "sign-off"
        case .training: "training"
        case .documentation: "hand-over of documents"
        case .handOver: "hand-over"
        case .communication: "communication"
        }
    }
}
