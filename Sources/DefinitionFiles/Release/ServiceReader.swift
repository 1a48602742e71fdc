import ReleaseDefinition

/// `service: { command: [bin/serve, --port, "8080"] }`, `service: { systemd: web.service, update: reload }` or
/// `service: hooks`.
enum ServiceReader {
    private static let keys = KeyTable(
        known: ["command", "systemd", "update"],
        reserved: [
            "user": "Running as another user comes with a later version: start the service through a hook."
        ])

    static func read(_ field: Field) -> ServiceDefinition? {
        if case .text("hooks", _) = field.node.content { return .hooks }
        guard let mapping = MappingReader(field, keys, what: "a service, as { command: [bin/serve] } or hooks") else {
            return nil
        }
        if !mapping.has("command"), mapping.hasRefusedKeys { return nil }
        if let unit = mapping["systemd"] {
            if mapping.has("command") {
                mapping.refuseRule(
                    at: "systemd", "oneService", found: "a command and a systemd unit", expected: "one of the two",
                    remedy: "Remove one of them.")
            }
            let name = systemdUnit(unit)
            let update = mapping.optional("update", default: SystemdService.Update?.none) {
                $0.choice(SystemdService.Update.self).map(Optional.some)
            }
            guard let name, let update else { return nil }
            return .systemd(SystemdService(unit: name, update: update))
        }
        if mapping.has("update") {
            mapping.refuseRule(
                at: "update", "updateOfSystemd", found: "update without systemd", expected: "update beside systemd",
                remedy: "Remove update: a supervised command is always restarted.")
        }
        return mapping.required("command", example: "command: [bin/serve]") { CommandReader.read($0) }
            .map(ServiceDefinition.command)
    }

    static func systemdUnit(_ field: Field) -> String? {
        guard case .text(let text, _) = field.node.content, SystemdService.isUnitName(text) else {
            return field.refuse(
                "value.systemd", expected: "the name of a systemd unit",
                remedy: "Write it with its ending, as payments-api.service.")
        }
        return text
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
        case .command, .systemd:
            guard !present.isEmpty else { return service }
            mapping.refuseRule(
                at: "service", "startTwice", found: "\(word(service)) and \(names(present))",
                expected: "one way to start and stop",
                remedy: "Remove the hook, or the command; preStart and preStop may stand beside a command.")
        }
        return nil
    }

    private static func word(_ service: ServiceDefinition?) -> String {
        if case .systemd = service { "a systemd unit" } else { "a service command" }
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
