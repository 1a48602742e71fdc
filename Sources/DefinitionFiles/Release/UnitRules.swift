import ReleaseDefinition

/// What depends on a unit's type, and the order between units.
enum UnitRules {
    struct More {
        var requires: [UnitName]?
        var runOn: HostQuery?
        var reversible: Bool?
        var backup: [String]?
        var parallel: ParallelSettings?
        var reboot: RebootPolicy?
        var plugin: String?
    }

    /// Where trees, files and templates go; the other types have no place.
    static func readPlace(_ type: UnitType?, _ mapping: MappingReader) -> String? {
        guard let type, !type.hasPlace else {
            return mapping.required("installTo", example: "installTo: /opt/NAME") {
                $0.absolutePath("where the unit is installed")
            }
        }
        if mapping.has("installTo") {
            mapping.refuseRule(
                at: "installTo", "placeOfType", found: "installTo in a unit of type \(type.rawValue)",
                expected: "installTo with tree, file and template only",
                remedy: "Remove it: a \(type.rawValue) is kept in the agent's own folder.")
        }
        return ""
    }

    /// - Returns: nil after a problem.
    static func read(_ type: UnitType?, _ mapping: MappingReader) -> More? {
        let requires = mapping.optional("requires", default: [UnitName]?.none) { field in
            field.elements(countMax: 50, what: "units") { $0.name(UnitName.self) }.map(Optional.some)
        }
        let runOn = mapping.optional("runOn", default: HostQuery?.none) { field in
            field.value("a host query") { text throws(DefinitionError) in try HostQuery(text) }.map(Optional.some)
        }
        let reversible = mapping.optional("reversible", default: Bool?.none) { field in
            readBool(field).map(Optional.some)
        }
        let backup = mapping.optional("backup", default: [String]?.none) { field in
            field.elements(countMax: 20, what: "paths") { $0.absolutePath("what is copied") }.map(Optional.some)
        }
        let parallel = mapping.optional("parallel", default: ParallelSettings?.none) {
            ParallelReader.read($0).map(Optional.some)
        }
        let reboot = mapping.optional("reboot", default: RebootPolicy?.none) {
            $0.choice(RebootPolicy.self).map(Optional.some)
        }
        let plugin = mapping.optional("plugin", default: String?.none) { field in
            field.name(UnitName.self).map { $0.text }
        }
        if let type { checkKeys(type, mapping) }
        guard let requires, let runOn, let reversible, let backup, let parallel, let reboot, let plugin else {
            return nil
        }
        return More(
            requires: requires, runOn: runOn, reversible: reversible, backup: backup, parallel: parallel,
            reboot: reboot, plugin: plugin)
    }

    private static func readBool(_ field: Field) -> Bool? {
        guard case .text(let text, false) = field.node.content, let value = ["true": true, "false": false][text] else {
            return field.refuse("value.bool", expected: "true or false", remedy: "Write true or false, without quotes.")
        }
        return value
    }

    private static func checkKeys(_ type: UnitType, _ mapping: MappingReader) {
        var refused: [(key: String, owners: String)] = []
        if type != .tree { refused += [("persistent", "tree"), ("unchanged", "tree")] }
        if type != .migration { refused.append(("runOn", "migration")) }
        if type != .tree { refused.append(("parallel", "tree")) }
        if type != .plugin { refused.append(("plugin", "plugin")) }
        if ![.script, .migration, .deb, .plugin].contains(type) {
            refused.append(("reversible", "script, migration, deb and plugin"))
        }
        if type == .migration { refused += [("service", "other types"), ("hooks", "other types")] }
        for (key, owners) in refused where mapping.has(key) {
            mapping.refuseRule(
                at: key, "keyOfType", found: "\(key) in a unit of type \(type.rawValue)",
                expected: "\(key) with \(owners) only", remedy: "Remove it.")
        }
        if type == .migration, !mapping.has("runOn") {
            mapping.refuseRule(
                at: "type", "runOn", found: "a migration without runOn", expected: "the hosts that run it",
                remedy: "Add runOn: \"role=db-admin\", or runOn: all.")
        }
    }

    /// Two trees, of which neither may hold the other; what has no place is nowhere.
    static func areTrees(_ one: UnitDefinition, _ other: UnitDefinition) -> Bool {
        one.type == .tree && other.type == .tree
    }

    /// The units in an order in which each stands after those that it requires, else as they were written.
    /// - Returns: nil after a problem: a unit that is not there, or a cycle.
    static func ordered(_ units: [(field: Field, unit: UnitDefinition)]) -> [UnitDefinition]? {
        let names = Set(units.map(\.unit.name))
        var isSound = true
        for (field, unit) in units {
            for other in unit.requires ?? [] where !names.contains(other) {
                field.refuseRule(
                    "unitRequires", found: "\(unit.name) that requires \(other)", expected: "a unit of this release",
                    remedy: "Add the unit \(other), or remove the requirement; another product stands in the release's"
                        + " own requires.")
                isSound = false
            }
        }
        guard isSound else { return nil }
        var placed: [UnitDefinition] = []
        var rest = units
        while !rest.isEmpty {
            let done = Set(placed.map(\.name))
            guard let next = rest.firstIndex(where: { done.isSuperset(of: $0.unit.requires ?? []) }) else {
                rest[0].field.refuseRule(
                    "unitCycle",
                    found: "units that require each other: \(rest.map(\.unit.name.text).joined(separator: ", "))",
                    expected: "an order in which each stands after what it requires",
                    remedy: "Remove one of the requirements.")
                return nil
            }
            placed.append(rest.remove(at: next).unit)
        }
        return placed
    }
}
