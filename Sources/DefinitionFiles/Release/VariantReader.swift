import ReleaseDefinition

/// `source: ./build`, or `variants: { amd64: ./build-amd64, arm64: ./build-arm64 }`.
enum VariantReader {
    static func read(_ unit: MappingReader) -> (source: String?, variants: [UnitVariant]?)? {
        guard let field = unit["variants"] else {
            let source = unit.required("source", example: "source: ./build", readSource)
            return source.map { ($0, nil) }
        }
        if let source = unit["source"] {
            source.refuseRule(
                "variants", found: "source as well as variants", expected: "one of them",
                remedy: "Remove source: each variant names its own files.")
        }
        let variants = field.pairs(countMax: 32, what: "files by architecture") { key, value in
            let name = key.value("an architecture, perhaps with a system") { text throws(DefinitionError) in
                try VariantName(text)
            }
            let source = readSource(value)
            guard let name, let source else { return UnitVariant?.none }
            return UnitVariant(name: name, source: source)
        }
        return variants.map { (nil, $0) }
    }

    private static func readSource(_ field: Field) -> String? {
        field.relativePath("the unit's files", allowsWhole: true)
    }
}
