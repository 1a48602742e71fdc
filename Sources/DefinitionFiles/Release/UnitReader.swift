import ReleaseDefinition

/// One element of `units`.
enum UnitReader {
    private static let later = "comes with a later version"

    private static let keys = KeyTable(
        known: [
            "name", "type", "source", "variants", "installTo", "persistent", "service", "hooks", "health",
            "minimumHealthy", "healthyDeadline", "attributes", "unchanged", "requires", "runOn", "reversible", "backup",
            "parallel", "reboot", "plugin",
        ],
        reserved: [
            "logs": "Showing the unit's own logs \(later): remove the key; hooks' and checks' output is kept.",
            "confirm": "A release names no addresses: write confirm in the agent.json of the hosts.",
        ])

    static func read(_ field: Field) -> UnitDefinition? {
        guard let mapping = MappingReader(field, keys, what: "a unit") else { return nil }
        let name = mapping.required("name", example: "name: api") { $0.name(UnitName.self) }
        let type = mapping.optional("type", default: .tree) { $0.choice(UnitType.self) }
        let sources = VariantReader.read(mapping)
        let installTo = UnitRules.readPlace(type, mapping)
        let persistent = mapping.optional("persistent", default: []) { field in
            field.elements(countMax: UnitDefinition.persistentMax, what: "paths") { $0.treePath("a persistent path") }
        }
        let hooks = mapping.optional("hooks", default: UnitHooks(), HookReader.read)
        let service = mapping.optional("service", default: ServiceDefinition?.none) {
            ServiceReader.read($0).map(Optional.some)
        }
        let health = mapping.required("health", example: "a check, or health: none where nothing can be asked") {
            HealthReader.read($0)
        }
        let bounds = UnitDefinition.healthyBounds
        let minimumHealthy = mapping.optional("minimumHealthy", default: .seconds(30)) { $0.span(bounds) }
        let healthyDeadline = mapping.optional("healthyDeadline", default: .minutes(5)) { $0.span(bounds) }
        let attributes = mapping.optional("attributes", default: []) {
            $0.elements(countMax: UnitDefinition.attributesMax, what: "attributes", AttributeReader.read)
        }
        let unchanged = mapping.optional("unchanged", default: UnchangedFiles?.none) {
            $0.choice(UnchangedFiles.self).map(Optional.some)
        }
        let more = UnitRules.read(type, mapping)
        if let minimumHealthy, let healthyDeadline { checkClocks(minimumHealthy, healthyDeadline, mapping) }
        if let persistent { checkPersistent(persistent, mapping) }
        let started = ServiceReader.effective(service ?? nil, hooks: hooks, mapping)
        ParallelReader.check(more?.parallel, service: service ?? started, hooks: hooks, mapping)
        guard let name, let type, let sources, let installTo, let persistent, let hooks, let service, let health,
            let minimumHealthy, let healthyDeadline, let attributes, let unchanged, let more
        else { return nil }
        return UnitDefinition(
            name: name, type: type, source: sources.source, variants: sources.variants, installTo: installTo,
            persistent: persistent,
            service: service ?? started, hooks: hooks, health: health, minimumHealthy: minimumHealthy,
            healthyDeadline: healthyDeadline, attributes: attributes, unchanged: unchanged, requires: more.requires,
            runOn: more.runOn, reversible: more.reversible, backup: more.backup, parallel: more.parallel,
            reboot: more.reboot, plugin: more.plugin)
    }

    private static func checkClocks(
        _ minimumHealthy: TimeSpan, _ healthyDeadline: TimeSpan, _ mapping: MappingReader
    ) {
        guard minimumHealthy >= healthyDeadline else { return }
        let says = { (key: String) in mapping.has(key) ? "" : " (the default)" }
        let key = mapping.has("minimumHealthy") ? "minimumHealthy" : "healthyDeadline"
        mapping.refuseRule(
            at: key, "healthyDeadline",
            found: "minimumHealthy \(minimumHealthy)\(says("minimumHealthy")) with healthyDeadline "
                + "\(healthyDeadline)\(says("healthyDeadline"))",
            expected: "minimumHealthy below healthyDeadline",
            remedy: "Raise healthyDeadline: it covers start, start period and minimumHealthy.")
    }

    private static func checkPersistent(_ paths: [String], _ mapping: MappingReader) {
        for (position, path) in paths.enumerated() {
            for other in paths[..<position] where overlaps(path, other) {
                mapping.refuseRule(
                    at: "persistent", "persistentOverlap", found: "\(quote(other)) and \(quote(path))",
                    expected: "paths of which none holds another", remedy: "Keep the outer path only.")
            }
        }
    }

    /// Rules between units: names and places are each taken once, no unit inside another.
    static func checkTogether(_ units: [(field: Field, unit: UnitDefinition)]) {
        for (position, (field, unit)) in units.enumerated() {
            for (_, other) in units[..<position] {
                if unit.name == other.name {
                    field.refuseRule(
                        "unitName", found: "two units named \(unit.name)", expected: "each name once",
                        remedy: "Rename one of them.")
                }
                // Files of several units may lie in one folder; the host compares them one by one.
                if UnitRules.areTrees(unit, other), overlaps(unit.installTo, other.installTo) {
                    field.refuseRule(
                        "installTo", found: "\(unit.name) at \(unit.installTo) and \(other.name) at \(other.installTo)",
                        expected: "places of which none holds another", remedy: "Give each unit a folder of its own.")
                }
            }
        }
    }

    private static func overlaps(_ one: String, _ other: String) -> Bool {
        one == other || one.hasPrefix(other + "/") || other.hasPrefix(one + "/")
    }
}
