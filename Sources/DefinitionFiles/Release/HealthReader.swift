import ReleaseDefinition

/// `health: none`, or a list of checks, each one probe and its clocks.
enum HealthReader {
    private static let keys = KeyTable(
        known: ["http", "command", "status", "every", "timeout", "failures", "startPeriod"],
        reserved: [
            "tcp": "TCP checks come with a later version: use a command check.",
            "systemd": "systemd checks come with a later version: use a command check with systemctl is-active.",
            "metric": "Metric checks come with a later version: use a command check that asks the metric's source.",
        ])

    static func read(_ field: Field) -> [HealthCheck]? {
        if case .text("none", _) = field.node.content { return [] }
        guard case .list(let nodes) = field.node.content, !nodes.isEmpty else {
            return field.refuse(
                "value.health", expected: "a list of checks, or none",
                remedy: "Write at least one check, or health: none where nothing can be asked.")
        }
        return field.elements(countMax: HealthCheck.countMax, what: "checks", readCheck)
    }

    private static func readCheck(_ field: Field) -> HealthCheck? {
        guard let mapping = MappingReader(field, keys, what: "a health check") else { return nil }
        let probe = readProbe(mapping)
        let every = mapping.optional("every", default: .seconds(2)) { $0.span(HealthCheck.everyBounds) }
        let timeout = mapping.optional("timeout", default: .seconds(1)) { $0.span(HealthCheck.timeoutBounds) }
        let failures = mapping.optional("failures", default: 3) { $0.integer(HealthCheck.failuresBounds) }
        let startPeriod = mapping.optional("startPeriod", default: .zero) { $0.span(HealthCheck.startPeriodBounds) }
        guard let probe, let every, let timeout, let failures, let startPeriod else { return nil }
        return HealthCheck(
            probe: probe, every: every, timeout: timeout, startPeriod: startPeriod, failures: failures)
    }

    private static func readProbe(_ mapping: MappingReader) -> HealthProbe? {
        let status = mapping.optional("status", default: 200) { $0.integer(HealthCheck.statusBounds) }
        switch (mapping["http"], mapping["command"]) {
        case (let http?, nil):
            guard let url = readURL(http), let status else { return nil }
            return .http(url: url, status: status)
        case (nil, let command?):
            if mapping.has("status") {
                mapping.refuseRule(
                    at: "status", "probeStatus", found: "status with a command", expected: "status with http only",
                    remedy: "Remove status: a command is healthy when it exits 0.")
            }
            return CommandReader.read(command).map(HealthProbe.command)
        case (_?, _?):
            mapping.refuseRule(
                at: "command", "oneProbe", found: "http and command in one check", expected: "one of the two",
                remedy: "Write two checks.")
            return nil
        case (nil, nil):
            guard !mapping.hasRefusedKeys else { return nil }
            mapping.refuseRule(
                at: "http", "oneProbe", found: "neither http nor command", expected: "one of the two",
                remedy: "Add http: \"http://127.0.0.1:8080/healthz\" or command: [bin/check].")
            return nil
        }
    }

    /// `http://` or `https://`, a host, no user, no fragment, no space. `${NAME}` is a variable of the host.
    private static func readURL(_ field: Field) -> String? {
        let expected = "an http:// or https:// address"
        let remedy = "Write it as \"http://127.0.0.1:8080/healthz\" or \"http://127.0.0.1:${PORT}/healthz\"."
        guard case .text(let text, _) = field.node.content, text.utf8.count <= 2048,
            let scheme = ["http://", "https://"].first(where: text.hasPrefix)
        else { return field.refuse("value.url", expected: expected, remedy: remedy) }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        let host = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        let isPlain = rest.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"#\\\"<>`".utf8.contains($0) }
        guard !host.isEmpty, host.first != UInt8(ascii: ":"), !host.contains(UInt8(ascii: "@")), isPlain else {
            return field.refuse("value.url", expected: expected, remedy: remedy)
        }
        guard hasWholeVariables(text) else {
            return field.refuse(
                "value.variable", expected: "variables written ${NAME}, NAME of A-Z, 0-9 and _", remedy: remedy)
        }
        return text
    }

    /// Each `$` and each brace belongs to a `${NAME}`.
    static func hasWholeVariables(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        let isMark = { (byte: UInt8) in "${}".utf8.contains(byte) }
        while let start = rest.firstIndex(where: isMark) {
            guard rest[start...].starts(with: "${".utf8), let end = rest[start...].firstIndex(of: UInt8(ascii: "}"))
            else { return false }
            let name = rest[(start + 2)..<end]
            let isName = name.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            }
            guard let first = name.first, !(0x30...0x39).contains(first), isName else { return false }
            rest = rest[(end + 1)...]
        }
        return true
    }
}
