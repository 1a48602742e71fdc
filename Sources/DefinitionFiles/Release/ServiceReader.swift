import ReleaseDefinition

/// `service: { command: [bin/serve, --port, "8080"] }` or `service: hooks`.
enum ServiceReader {
    private static let keys = KeyTable(
        known: ["command"],
        reserved: [
            "systemd": "systemd units come with a later version: write service: { command: [...] } or start and stop "
                + "hooks that call systemctl.",
            "user": "Running as another user comes with a later version: start the service through a hook.",
        ])

    static func read(_ field: Field) -> ServiceDefinition? {
        if case .text("hooks", _) = field.node.content { return .hooks }
        guard let mapping = MappingReader(field, keys, what: "a service, as { command: [bin/serve] } or hooks") else {
            return nil
        }
        if !mapping.has("command"), mapping.hasRefusedKeys { return nil }
        return mapping.required("command", example: "command: [bin/serve]") { CommandReader.read($0) }
            .map(ServiceDefinition.command)
    }

    /// Start and stop hooks without `service:` mean `hooks`; what is written must agree with the hooks there are.
    static func effective(
        _ service: ServiceDefinition?, hooks: UnitHooks?, _ mapping: MappingReader
    ) -> ServiceDefinition? {
        guard let hooks else { return nil }
        let present = [HookMoment.start, .stop].filter { hooks[$0] != nil }
        let missing = [HookMoment.start, .stop].filter { hooks[$0] == nil }
        switch service {
        case .hooks, nil:
            guard !missing.isEmpty, !(service == nil && present.isEmpty) else { return present.isEmpty ? nil : .hooks }
            let said = service == nil ? "\(names(present))" : "service: hooks"
            mapping.refuseRule(
                at: mapping.has("service") ? "service" : "hooks", "startAndStop",
                found: "\(said) without \(names(missing))", expected: "both start and stop",
                remedy: "Add the missing hook: a back-out must stop the new release and start the old one.")
        case .command:
            guard !present.isEmpty else { return service }
            mapping.refuseRule(
                at: "service", "startTwice", found: "a service command and \(names(present))",
                expected: "one way to start and stop",
                remedy: "Remove the hook, or the command; preStart and preStop may stand beside a command.")
        }
        return nil
    }

    private static func names(_ moments: [HookMoment]) -> String {
        (moments.count == 1 ? "the hook " : "the hooks ") + moments.map(\.rawValue).joined(separator: " and ")
    }
}

/// The words of a program and its arguments.
enum CommandReader {
    static func read(_ field: Field) -> [String]? {
        let remedy = "Write [program, argument, …]; for a shell line write [/bin/sh, -c, \"…\"]."
        guard case .list(let nodes) = field.node.content, !nodes.isEmpty else {
            return field.refuse("value.command", expected: "a list of words", remedy: remedy)
        }
        let words = field.elements(countMax: 256, what: "words") { word -> String? in
            guard case .text(let text, let isQuoted) = word.node.content, isQuoted || !text.isEmpty,
                text.utf8.count <= 4096, !text.utf8.contains(0)
            else {
                return word.refuse("value.command", expected: "a word of at most 4096 bytes", remedy: remedy)
            }
            return text
        }
        guard let words, words.count == nodes.count else { return nil }
        let program = words[0].hasPrefix("/") ? String(words[0].dropFirst()) : words[0]
        guard Field.isClean(program) else {
            return field.refuse(
                "value.command", found: quote(words[0]),
                expected: "a program: a clean path, relative to the installed tree or absolute", remedy: remedy)
        }
        return words
    }
}
