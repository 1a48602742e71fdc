import ReleaseDefinition

/// `phases: [1, 50%, 100%]` or `[{ hosts: 1 }, { percent: 50, bake: 10m }, { percent: 100 }]`, cumulative.
enum PhaseReader {
    private static let keys = KeyTable(
        known: ["hosts", "percent", "bake", "failureTolerance"],
        reserved: [
            "query": "Phases by label come with a later version: label the pilot's hosts pilot=true.",
            "name": "Names of phases come with a later version: phases are numbered from 1.",
            "gate": "Gates come with a later version: bake and failureTolerance hold a phase.",
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
        let size = readSize(mapping)
        let bake = mapping.optional("bake", default: .zero) { $0.span(.zero ... .days(30)) }
        let tolerance = mapping.optional("failureTolerance", default: Tolerance?.none) {
            ToleranceReader.read($0).map(Optional.some)
        }
        guard let size, let bake, let tolerance else { return nil }
        return PhaseDefinition(size: size, bake: bake, failureTolerance: tolerance)
    }

    private static func readSize(_ mapping: MappingReader) -> PhaseSize? {
        switch (mapping["hosts"], mapping["percent"]) {
        case (let hosts?, nil): return hosts.integer(1...1_000_000).map(PhaseSize.count)
        case (nil, let percent?): return ToleranceReader.percentage(percent, 1...100).map(PhaseSize.percent)
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
        for (position, phase) in phases.enumerated().dropFirst() {
            let before = phases[position - 1]
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
