import ReleaseDefinition

/// Reads `rollout.yaml`.
public enum RolloutFile {
    /// - Parameters:
    ///   - file: the name that problems cite.
    ///   - zones: the time zones that there are; empty: nobody looked, and any name may be one.
    /// - Throws: every problem at once, in the order of the lines.
    public static func parse(
        _ text: [UInt8], file: String, zones: [String] = []
    ) throws(DefinitionProblems) -> RolloutDefinition {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file, zones: zones)
        try DefinitionKind.rollout.refuseOther(root, list)
        return try list.finish(read(Field(node: root, path: "", list: list)))
    }

    private static let keys = KeyTable(
        known: [
            "release", "environment", "hosts", "strategy", "phases", "limits", "backOut", "priority", "windows",
            "freezes",
            "irreversible", "sides",
        ],
        reserved: [
            "channel": "Rollouts over channels alone come with a later version: name hosts; pulling hosts count.",
            "window": "Write windows, a list.",
            "freeze": "Write freezes, a list.",
            "gates": "Write gates in a phase, as { percent: 50, gates: [errors] }; policy.yaml defines them.",
        ])

    private enum StrategyWord: String, CaseIterable { case bigBang, phased, parallel, continuous }

    private static func read(_ field: Field) -> RolloutDefinition? {
        guard let mapping = MappingReader(field, keys, what: "a rollout") else { return nil }
        let release = mapping.required("release", example: "release: payments@1.4") {
            $0.value("a release, PRODUCT@VERSION") { text throws(DefinitionError) in try ReleaseName(text) }
        }
        let environment = mapping.required("environment", example: "environment: production", readEnvironment)
        let hosts = mapping.required("hosts", example: "hosts: all, or a query as role=web") {
            $0.value("a host query") { text throws(DefinitionError) in try HostQuery(text) }
        }
        let word = mapping.required("strategy", example: "strategy: phased") {
            $0.choice(StrategyWord.self)
        }
        let phases = mapping.optional("phases", default: [PhaseDefinition]?.none) {
            PhaseReader.read($0).map(Optional.some)
        }
        let limits = mapping.optional("limits", default: RolloutLimits(), LimitsReader.read)
        let backOut = mapping.optional("backOut", default: .phase) { $0.choice(BackOutScope.self) }
        let priority = mapping.optional("priority", default: Int?.none) { $0.integer(0...1000).map(Optional.some) }
        let windows = mapping.optional("windows", default: [MaintenanceWindow]?.none) {
            WindowReader.windows($0).map(Optional.some)
        }
        let freezes = mapping.optional("freezes", default: [Freeze]?.none) {
            WindowReader.freezes($0).map(Optional.some)
        }
        let irreversible = mapping.optional("irreversible", default: String?.none) {
            $0.text(what: "what cannot be taken back").map(Optional.some)
        }
        if let word, word == .bigBang || word == .parallel, mapping.has("phases") {
            mapping.refuseRule(
                at: "phases", "\(word.rawValue)Phases", found: "strategy \(word.rawValue) with phases",
                expected: "phases with strategy phased or continuous only",
                remedy:
                    "Write strategy: phased, or remove phases: big bang is one phase with every host, parallel has two sides."
            )
        }
        let sides = mapping.optional("sides", default: ParallelDefinition?.none) {
            SidesReader.read($0).map(Optional.some)
        }
        checkSides(mapping, word)
        guard let release, let environment, let hosts, let word, let phases, let limits, let backOut, let priority,
            let windows, let freezes, let irreversible, let sides
        else { return nil }
        let strategy =
            switch word {
            case .bigBang: RolloutStrategy.bigBang
            case .phased: phases.map(RolloutStrategy.phased) ?? .phasedByDefault
            case .parallel: sides.map(RolloutStrategy.parallel) ?? .bigBang
            case .continuous: RolloutStrategy.continuous(phases ?? RolloutStrategy.phasesByDefault)
            }
        return RolloutDefinition(
            release: release, environment: environment, hosts: hosts, strategy: strategy, limits: limits,
            backOut: backOut, priority: priority, windows: windows, freezes: freezes, irreversible: irreversible)
    }

    private static func checkSides(_ mapping: MappingReader, _ word: StrategyWord?) {
        guard let word, (word == .parallel) != mapping.has("sides") else { return }
        mapping.refuseRule(
            at: "sides", "sides", found: "strategy \(word.rawValue) \(mapping.has("sides") ? "with" : "without") sides",
            expected: "sides with strategy parallel, and only there",
            remedy: "Write sides: { first: slot=blue, second: slot=green, switch: NAME } below strategy: parallel.")
    }

    private static func readEnvironment(_ field: Field) -> EnvironmentName? {
        guard let name = field.name(EnvironmentName.self) else { return nil }
        guard name.text != "emergency" else {
            return field.refuse(
                "value.environment", expected: "an environment; \"emergency\" names signatures, not hosts",
                remedy: "Name the hosts' environment; for an emergency run slipway emergency push.")
        }
        return name
    }
}
