import ReleaseDefinition

/// `{ kind: tests, failures: 0 }`, `{ kind: scan, worst: warning }`, `{ kind: rehearsal, within: 7d }`.
enum EvidenceRuleReader {
    private static let keys = KeyTable(known: ["kind", "within", "failures", "worst", "count", "about"])

    static func read(_ field: Field) -> EvidenceRule? {
        guard let mapping = MappingReader(field, keys, what: "a rule for evidence") else { return nil }
        let kind = mapping.required("kind", example: "kind: tests") { $0.choice(EvidenceKind.self) }
        let within = mapping.optional("within", default: TimeSpan?.none) {
            $0.span(.minutes(1) ... .days(365)).map(Optional.some)
        }
        let failures = mapping.optional("failures", default: 0) { $0.integer(0...100_000) }
        let worst = mapping.optional("worst", default: ScanLevel?.none) { $0.choice(ScanLevel.self).map(Optional.some) }
        let count = mapping.optional("count", default: 1) { $0.integer(1...20) }
        let about = mapping.optional("about", default: String?.none) { $0.text(lengthMax: 100).map(Optional.some) }
        guard let kind, let within, let failures, let worst, let count, let about else { return nil }
        checkFit(kind, mapping)
        return EvidenceRule(
            kind: kind, within: within, failuresMax: failures, worst: worst, count: count, about: about)
    }

    private static func checkFit(_ kind: EvidenceKind, _ mapping: MappingReader) {
        for (key, owner) in [("failures", EvidenceKind.tests), ("worst", .scan)] where mapping.has(key) {
            guard kind != owner else { continue }
            mapping.refuseRule(
                at: key, "evidenceKind", found: "\(key) with kind \(kind.rawValue)",
                expected: "\(key) with kind \(owner.rawValue) only", remedy: "Remove \(key), or change the kind.")
        }
    }
}
