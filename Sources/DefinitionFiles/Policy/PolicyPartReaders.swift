import ReleaseDefinition

/// `numbering: { major: N.0, minor: N.+, emergency: N.N.+, gaps: refused }`
enum NumberingReader {
    private static let keys = KeyTable(known: ["major", "minor", "emergency", "gaps"])

    static func read(_ field: Field) -> Numbering? {
        guard let mapping = MappingReader(field, keys, what: "numbering") else { return nil }
        let pattern = { (key: String) -> NumberPattern?? in
            mapping.optional(key, default: NumberPattern?.none) { field in
                field.value("a pattern of version numbers") { text throws(DefinitionError) in try NumberPattern(text) }
                    .map(Optional.some)
            }
        }
        let (major, minor, emergency) = (pattern("major"), pattern("minor"), pattern("emergency"))
        let gaps = mapping.optional("gaps", default: NumberGaps.allowed) { $0.choice(NumberGaps.self) }
        guard let major, let minor, let emergency, let gaps else { return nil }
        return Numbering(major: major, minor: minor, emergency: emergency, gaps: gaps)
    }
}

/// `earlyLife: { major: 7d, minor: 24h, emergency: 3d }`
enum EarlyLifeReader {
    private static let keys = KeyTable(known: ["major", "minor", "emergency"])

    static func read(_ field: Field) -> EarlyLife? {
        guard let mapping = MappingReader(field, keys, what: "early life support") else { return nil }
        let span = { (field: Field) in field.span(.minutes(1) ... .days(90)).map(Optional.some) }
        let major = mapping.optional("major", default: TimeSpan?.none, span)
        let minor = mapping.optional("minor", default: TimeSpan?.none, span)
        let emergency = mapping.optional("emergency", default: TimeSpan?.none, span)
        guard let major, let minor, let emergency else { return nil }
        return EarlyLife(major: major, minor: minor, emergency: emergency)
    }
}

/// `overrides: { window: [releaseManager], freeze: [admin] }`
enum OverrideReader {
    static func read(_ field: Field) -> [OverrideRight]? {
        field.pairs(countMax: PolicyRule.allCases.count, what: "overrides") { key, value in
            let rule = key.choice(PolicyRule.self)
            let by = value.someElements(countMax: 20, what: "permission sets") { $0.text(lengthMax: 60) }
            guard let rule, let by else { return nil }
            return OverrideRight(rule: rule, by: by)
        }
    }
}
