import ReleaseDefinition

/// `hooks: { drain: hooks/lb-out, undrain: hooks/lb-in, timeout: 2m }`
enum HookReader {
    private static let keys = KeyTable(known: HookMoment.allCases.map(\.rawValue) + ["timeout"])

    static func read(_ field: Field) -> UnitHooks? {
        guard let mapping = MappingReader(field, keys, what: "hooks by moment") else { return nil }
        let timeout = mapping.optional("timeout", default: .minutes(5)) { $0.span(UnitHooks.timeoutBounds) }
        let programs = HookMoment.allCases.compactMap { moment in
            mapping[moment.rawValue]
                .flatMap { $0.relativePath("the hook's program") }
                .map { HookProgram(moment: moment, path: $0) }
        }
        guard let timeout else { return nil }
        return UnitHooks(timeout: timeout, programs: programs)
    }
}
