import ReleaseDefinition

/// Reads `release.yaml`.
public enum ReleaseFile {
    /// - Parameter file: the name that problems cite.
    /// - Throws: every problem at once, in the order of the lines.
    public static func parse(
        _ text: [UInt8], file: String
    ) throws(DefinitionProblems) -> ReleaseDefinition {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file)
        try DefinitionKind.release.refuseOther(root, list)
        return try list.finish(read(Field(node: root, path: "", list: list)))
    }

    private static let keys = KeyTable(
        known: [
            "product", "version", "category", "summary", "owner", "changes", "requires", "units", "backOut",
            "documents", "values",
        ],
        reserved: [
            "window": "A release has no window: write windows in rollout.yaml, or in policy.yaml."
        ])

    private static func read(_ field: Field) -> ReleaseDefinition? {
        guard let mapping = MappingReader(field, keys, what: "a release") else { return nil }
        let product = mapping.required("product", example: "product: payments") { $0.name(ProductName.self) }
        let version = mapping.required("version", example: "version: \"1.4\"", readVersion)
        let category = mapping.required("category", example: "category: minor") { $0.choice(ReleaseCategory.self) }
        let summary = mapping.required("summary", example: "summary: WHAT THE RELEASE BRINGS") { $0.text() }
        let owner = mapping.required("owner", example: "owner: payments-team") { $0.text(lengthMax: 100) }
        let changes = mapping.optional("changes", default: []) {
            $0.elements(countMax: 1000, what: "changes", ChangeReader.read)
        }
        let requires = mapping.optional("requires", default: []) {
            $0.elements(countMax: 100, what: "requirements", readRequirement)
        }
        let units = mapping.required("units", example: "units: with one unit at least", readUnits)
        let backOut = mapping.optional("backOut", default: BackOutSettings(), readBackOut)
        let documents = mapping.optional("documents", default: []) {
            $0.elements(countMax: 100, what: "documents") { $0.relativePath("a document") }
        }
        let values = mapping.optional("values", default: [ValuesFile]?.none) { readValues($0).map(Optional.some) }
        if let version, let category { checkNumbering(version, category, mapping) }
        if let product, let requires { checkRequirements(of: product, requires, mapping) }
        guard let product, let version, let category, let summary, let owner, let changes, let requires, let units,
            let backOut, let documents, let values
        else { return nil }
        return ReleaseDefinition(
            product: product, version: version, category: category, summary: summary, owner: owner,
            changes: changes, requires: requires, units: units, backOut: backOut, documents: documents, values: values)
    }

    private static func readValues(_ field: Field) -> [ValuesFile]? {
        field.pairs(countMax: 64, what: "environments") { key, value in
            let environment = key.name(EnvironmentName.self)
            let path = value.relativePath("a file of values")
            guard let environment, let path else { return nil }
            return ValuesFile(environment: environment, path: path)
        }
    }

    private static func readVersion(_ field: Field) -> ReleaseVersion? {
        field.value("a release version") { text throws(DefinitionError) in try ReleaseVersion(text) }
    }

    private static func readUnits(_ field: Field) -> [UnitDefinition]? {
        let read = { (element: Field) in UnitReader.read(element).map { (field: element, unit: $0) } }
        guard let units = field.elements(countMax: 50, what: "units", read) else { return nil }
        guard case .list(let nodes) = field.node.content, !nodes.isEmpty else {
            return field.refuse(
                "value.list", expected: "at least one unit", remedy: "Add a unit: a name, a source and installTo.")
        }
        UnitReader.checkTogether(units)
        // What requires a unit that could not be read has no flaw of its own.
        return units.count == nodes.count ? UnitRules.ordered(units) : nil
    }

    private static let requirementKeys = KeyTable(known: ["product", "version"])

    private static func readRequirement(_ field: Field) -> ProductRequirement? {
        guard let mapping = MappingReader(field, requirementKeys, what: "a requirement") else { return nil }
        let product = mapping.required("product", example: "product: ledger") { $0.name(ProductName.self) }
        let version = mapping.required("version", example: "version: \">=2.1 <3\"") {
            $0.value("a range of versions") { text throws(DefinitionError) in try VersionRange(text) }
        }
        guard let product, let version else { return nil }
        return ProductRequirement(product: product, version: version)
    }

    private static let backOutKeys = KeyTable(
        known: ["scope", "keep"],
        reserved: ["backup": "Write backup in a unit, as backup: [/var/lib/payments]."])

    private static func readBackOut(_ field: Field) -> BackOutSettings? {
        guard let mapping = MappingReader(field, backOutKeys, what: "back-out settings") else { return nil }
        let scope = mapping.optional("scope", default: .phase) { $0.choice(BackOutScope.self) }
        let keep = mapping.optional("keep", default: 3) { $0.integer(BackOutSettings.keepBounds) }
        guard let scope, let keep else { return nil }
        return BackOutSettings(scope: scope, keep: keep)
    }

    /// mission.md D4: a major release is numbered 2.0, a minor one 1.3, an emergency fix 1.2.4.
    /// - Returns: what is expected instead; nil: they agree.
    private static func numbering(violatedBy version: ReleaseVersion, _ category: ReleaseCategory) -> String? {
        let (expected, isNumbered) =
            switch category {
            case .major: ("N.0 for a major release", version.minor == 0 && version.patch == 0)
            case .minor:
                ("N.N with a second number above 0 for a minor release", version.minor > 0 && version.patch == 0)
            case .emergency: ("N.N.N with a third number above 0 for an emergency fix", version.patch > 0)
            }
        return isNumbered ? nil : expected
    }

    static func checkNumbering(
        _ version: ReleaseVersion, _ category: ReleaseCategory, _ mapping: MappingReader, at key: String = "version"
    ) {
        guard let expected = numbering(violatedBy: version, category) else { return }
        mapping.refuseRule(
            at: key, "numbering", found: "version \(version) with category \(category.rawValue)",
            expected: expected, remedy: "Change the number or the category so that they agree.")
    }

    private static func checkRequirements(
        of product: ProductName, _ requires: [ProductRequirement], _ mapping: MappingReader
    ) {
        guard requires.contains(where: { $0.product == product }) else { return }
        mapping.refuseRule(
            at: "requires", "requiresItself", found: "product \(product) that requires \(product)",
            expected: "other products only", remedy: "Remove the requirement.")
    }
}
