import ReleaseDefinition

/// One element of `changes`.
enum ChangeReader {
    private static let keys = KeyTable(known: ["id", "summary", "risk", "affects", "committed"])

    static func read(_ field: Field) -> ReleaseChange? {
        guard let mapping = MappingReader(field, keys, what: "a change") else { return nil }
        let id = mapping.required("id", example: "id: CHG-1042") { $0.text(lengthMax: 64, what: "a change's id") }
        let summary = mapping.required("summary", example: "summary: WHAT CHANGES") { $0.text() }
        let risk = mapping.required("risk", example: "risk: low") { $0.choice(ChangeRisk.self) }
        let affects = mapping.optional("affects", default: []) {
            $0.elements(countMax: 100, what: "names") { $0.text(lengthMax: 100, what: "the name of what is affected") }
        }
        let committedAt = mapping.optional("committed", default: UTCInstant?.none) { field in
            field.value("a moment in UTC") { text throws(DefinitionError) in try UTCInstant(text) }.map(Optional.some)
        }
        guard let id, let summary, let risk, let affects, let committedAt else { return nil }
        return ReleaseChange(id: id, summary: summary, risk: risk, affects: affects, committedAt: committedAt)
    }
}
