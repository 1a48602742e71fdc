import ReleaseDefinition

/// `phases: [1, 50%, 100%]` or `[{ hosts: 1 }, { percent: 50, bake: 10m }, { percent: 100 }]`, cumulative; between them
/// `{ query: zone=a }` and `{ list: [web-1, web-2] }`.
enum PhaseReader {
    private static let keys = KeyTable(
        known: [
            "hosts", "percent", "query", "list", "bake", "failureTolerance", "requiredSuccesses", "promotion", "gates",
        ],
        reserved: [
            "name": "Names of phases come with a later version: phases are numbered from 1.",
            "gate": "Write gates, a list of names that policy.yaml defines.",
        ])

    static func read(_ field: Field) -> [PhaseDefinition]? {
        guard case .list(let nodes) = field.node.content, !nodes.isEmpty else {
            return field.refuse(
                "value.list", expected: "a list of phases", remedy: "Write [1, 50%, 100%].")
        }
        guard let phases = field.elements(countMax: 50, what: "phases", readPhase) else { return nil }
        guard phases.count == nodes.count else { return nil }
        checkAscending(phases, field)
        return phases
    }

    private static func readPhase(_ field: Field) -> PhaseDefinition? {
        if case .text = field.node.content {
            return ToleranceReader.size(field).map { PhaseDefinition(size: $0) }
        }
        guard let mapping = MappingReader(field, keys, what: "a phase") else { return nil }
        let members = readMembers(mapping)
        let size = readSize(mapping, isNamed: mapping.has("query") || mapping.has("list"))
        let bake = mapping.optional("bake", default: .zero) { $0.span(.zero ... .days(30)) }
        let tolerance = mapping.optional("failureTolerance", default: Tolerance?.none) {
            ToleranceReader.read($0).map(Optional.some)
        }
        let required = mapping.optional("requiredSuccesses", default: PhaseSize?.none) {
            ToleranceReader.size($0).map(Optional.some)
        }
        let promotion = mapping.optional("promotion", default: PhasePromotion?.none) {
            $0.choice(PhasePromotion.self).map(Optional.some)
        }
        let gates = mapping.optional("gates", default: [GateName]?.none) {
            $0.someElements(countMax: 20, what: "gates") { $0.name(GateName.self) }.map(Optional.some)
        }
        guard let size, let members, let bake, let tolerance, let required, let promotion, let gates else { return nil }
        return PhaseDefinition(
            size: size, members: members, bake: bake, failureTolerance: tolerance, requiredSuccesses: required,
            promotion: promotion, gates: gates)
    }

    /// `query: zone=a` or `list: [web-1, web-2]`.
    private static func readMembers(_ mapping: MappingReader) -> PhaseMembers?? {
        switch (mapping["query"], mapping["list"]) {
        case (nil, nil): return .some(nil)
        case (let query?, nil):
            return query.value("a host query") { text throws(DefinitionError) in try HostQuery(text) }.map {
                .query($0)
            }
        case (nil, let list?):
            guard let hosts = list.elements(countMax: 10_000, what: "hosts", { $0.name(HostID.self) }) else {
                return nil
            }
            guard !hosts.isEmpty else {
                return list.refuse("value.list", expected: "at least one host", remedy: "Name hosts, as [web-1].")
            }
            return .list(hosts)
        case (.some, .some):
            mapping.refuseRule(
                at: "list", "phaseMembers", found: "both query and list", expected: "one of the two",
                remedy: "Write query: id in (web-1,web-2) and … for both.")
            return nil
        }
    }

    private static func readSize(_ mapping: MappingReader, isNamed: Bool) -> PhaseSize? {
        switch (mapping["hosts"], mapping["percent"]) {
        case (let hosts?, nil): return hosts.integer(1...1_000_000).map(PhaseSize.count)
        case (nil, let percent?): return ToleranceReader.percentage(percent, 1...100).map(PhaseSize.percent)
        case (nil, nil) where isNamed: return .percent(100)
        case (let hosts, _):
            guard hosts != nil || !mapping.hasRefusedKeys else { return nil }
            let found = hosts == nil ? "neither hosts nor percent" : "both hosts and percent"
            mapping.refuseRule(
                at: "hosts", "phaseSize", found: found, expected: "one of the two",
                remedy: "Write hosts: 1 or percent: 50.")
            return nil
        }
    }

    private static func words(_ size: PhaseSize) -> String {
        switch size {
        case .count(let count): "hosts: \(count)"
        case .percent(let percent): "percent: \(percent)"
        }
    }

    /// Cumulative sizes must grow. A count after a percentage cannot be compared before the hosts are known.
    private static func checkAscending(_ phases: [PhaseDefinition], _ field: Field) {
        let sized = phases.enumerated().filter { $0.element.members == nil }
        for (index, (position, phase)) in sized.enumerated().dropFirst() {
            let before = sized[index - 1].element
            let isAscending =
                switch (before.size, phase.size) {
                case (.count(let one), .count(let other)): one < other
                case (.percent(let one), .percent(let other)): one < other
                case (.count, .percent): true
                case (.percent, .count): false
                }
            guard !isAscending else { continue }
            field.element(position).refuseRule(
                "phasesAscending", found: "\(words(phase.size)) after \(words(before.size))",
                expected: "phases that grow, counts before percentages",
                remedy: "Sizes are cumulative: 1 host, 50 %, 100 % deploys to all hosts in three steps.")
        }
    }
}
