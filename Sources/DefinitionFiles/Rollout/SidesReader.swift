import ReleaseDefinition

/// `sides: { first: slot=blue, second: slot=green, switch: lb-switch, timeout: 5m, bake: 10m }`
enum SidesReader {
    private static let keys = KeyTable(known: ["first", "second", "switch", "timeout", "bake"])

    static func read(_ field: Field) -> ParallelDefinition? {
        guard let mapping = MappingReader(field, keys, what: "sides") else { return nil }
        let first = mapping.required("first", example: "first: slot=blue", query)
        let second = mapping.required("second", example: "second: slot=green", query)
        let hook = mapping.required("switch", example: "switch: lb-switch") { $0.name(HookName.self) }
        let timeout = mapping.optional("timeout", default: .minutes(5)) { $0.span(.seconds(1) ... .minutes(60)) }
        let bake = mapping.optional("bake", default: .zero) { $0.span(.zero ... .days(30)) }
        guard let first, let second, let hook, let timeout, let bake else { return nil }
        return ParallelDefinition(first: first, second: second, switchHook: hook, timeout: timeout, bake: bake)
    }

    private static func query(_ field: Field) -> HostQuery? {
        field.value("a host query") { text throws(DefinitionError) in try HostQuery(text) }
    }
}
