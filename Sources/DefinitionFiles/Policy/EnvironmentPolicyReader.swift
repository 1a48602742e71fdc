import ReleaseDefinition

/// `environments` of a policy: a mapping of names to conditions.
enum EnvironmentPolicyReader {
    private static let keys = KeyTable(known: [
        "after", "strategies", "windows", "duration", "cadence", "authorisations", "backOut", "gates",
        "overlap", "evidence",
    ])
    private static let cadenceKeys = KeyTable(known: ["atMost", "within"])
    private static let backOutKeys = KeyTable(known: ["failureTolerance", "scope"])

    static func read(_ field: Field) -> [EnvironmentPolicy]? {
        field.pairs(countMax: 50, what: "environments") { key, value in
            let name = key.name(EnvironmentName.self)
            if case .text("", isQuoted: false) = value.node.content { return name.map { EnvironmentPolicy(name: $0) } }
            guard let mapping = MappingReader(value, keys, what: "an environment's conditions") else { return nil }
            return name.flatMap { read($0, mapping) }
        }
    }

    private static func read(_ name: EnvironmentName, _ mapping: MappingReader) -> EnvironmentPolicy? {
        let after = mapping.optional("after", default: EnvironmentName?.none) {
            $0.name(EnvironmentName.self).map(Optional.some)
        }
        let strategies = mapping.optional("strategies", default: [StrategyKind]?.none) {
            $0.someElements(countMax: 4, what: "strategies") { $0.choice(StrategyKind.self) }.map(Optional.some)
        }
        let windows = mapping.optional("windows", default: []) {
            $0.someElements(countMax: 50, what: "windows") { $0.name(WindowName.self) }
        }
        let duration = mapping.optional("duration", default: TimeSpan.minutes(15)) {
            $0.span(.minutes(1) ... .days(7))
        }
        let cadence = mapping.optional("cadence", default: Cadence?.none) { readCadence($0).map(Optional.some) }
        let authorisations = mapping.optional("authorisations", default: Authorisations()) { readAuthorisations($0) }
        let overlap = mapping.optional("overlap", default: Overlap?.none) { $0.choice(Overlap.self).map(Optional.some) }
        let backOut = mapping.optional("backOut", default: BackOutCriteria(), criteria)
        let gates = mapping.optional("gates", default: []) {
            $0.someElements(countMax: 20, what: "gates") { $0.name(GateName.self) }
        }
        let evidence = mapping.optional("evidence", default: [EvidenceRule]?.none) {
            $0.someElements(countMax: 20, what: "rules for evidence", EvidenceRuleReader.read).map(Optional.some)
        }
        guard let after, let strategies, let windows, let duration, let cadence, let authorisations, let backOut,
            let gates, let overlap, let evidence
        else { return nil }
        return EnvironmentPolicy(
            name: name, after: after, strategies: strategies, windows: windows, duration: duration, cadence: cadence,
            authorisations: authorisations.count, authorisationChain: authorisations.chain, backOut: backOut,
            gates: gates, refusesOverlap: overlap.map { $0 == .refused }, evidence: evidence)
    }

    private enum Overlap: String, CaseIterable { case warned, refused }

    private struct Authorisations {
        var count = 0
        var chain: [String]?
    }

    /// `2`, or `[serviceOwner, releaseManager]`: one after the other.
    private static func readAuthorisations(_ field: Field) -> Authorisations? {
        guard case .list = field.node.content else { return field.integer(0...20).map { Authorisations(count: $0) } }
        return field.someElements(countMax: 20, what: "permission sets") { $0.text(lengthMax: 60) }
            .map { Authorisations(count: $0.count, chain: $0) }
    }

    /// `{ atMost: 1, within: 7d }`
    private static func readCadence(_ field: Field) -> Cadence? {
        guard let mapping = MappingReader(field, cadenceKeys, what: "a cadence") else { return nil }
        let count = mapping.required("atMost", example: "atMost: 1") { $0.integer(1...1000) }
        let within = mapping.required("within", example: "within: 7d") { $0.span(.minutes(1) ... .days(366)) }
        guard let count, let within else { return nil }
        return Cadence(countMax: count, within: within)
    }

    /// `{ failureTolerance: 5%, scope: phase }`
    private static func criteria(_ field: Field) -> BackOutCriteria? {
        guard let mapping = MappingReader(field, backOutKeys, what: "back-out criteria") else { return nil }
        let percent = mapping.optional("failureTolerance", default: Int?.none) {
            ToleranceReader.percentage($0, 0...100).map(Optional.some)
        }
        let scope = mapping.optional("scope", default: BackOutScope?.none) {
            $0.choice(BackOutScope.self).map(Optional.some)
        }
        guard let percent, let scope else { return nil }
        return BackOutCriteria(failurePercentMax: percent, scopeMin: scope)
    }
}

extension Field {
    /// A list that holds something, every element of it readable.
    func someElements<Element>(countMax: Int, what: String, _ read: (Field) -> Element?) -> [Element]? {
        guard let elements = elements(countMax: countMax, what: what, read) else { return nil }
        guard case .list(let nodes) = node.content, !nodes.isEmpty else {
            return refuse("value.list", expected: "a list of \(what)", remedy: "Name one at least, or remove the key.")
        }
        return elements.count == nodes.count ? elements : nil
    }
}
