import ReleaseDefinition

/// `hooks: { drain: hooks/lb-out, undrain: hooks/lb-in, timeout: 2m, user: payments }`
enum HookReader {
    private static let keys = KeyTable(known: HookMoment.allCases.map(\.rawValue) + ["timeout", "user"])

    static func read(_ field: Field) -> UnitHooks? {
        guard let mapping = MappingReader(field, keys, what: "hooks by moment") else { return nil }
        let timeout = mapping.optional("timeout", default: .minutes(5)) { $0.span(UnitHooks.timeoutBounds) }
        let programs = HookMoment.allCases.compactMap { moment in
            mapping[moment.rawValue]
                .flatMap { $0.relativePath("the hook's program") }
                .map { HookProgram(moment: moment, path: $0) }
        }
        let user = mapping["user"].flatMap(user)
        guard let timeout else { return nil }
        return UnitHooks(timeout: timeout, programs: programs, user: user)
    }

    private static func user(_ field: Field) -> String? {
        let expected = "the name of a user of the hosts"
        guard case .text(let text, _) = field.node.content, UnitHooks.isUserName(text) else {
            return field.refuse("value.user", expected: expected, remedy: "Write a name, as payments: no number.")
        }
        return text
    }
}
