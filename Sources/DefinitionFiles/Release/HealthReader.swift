import ReleaseDefinition

/// `health: none`, or a list of checks, each one probe and its clocks.
enum HealthReader {
    private static let probeKeys = ["http", "command", "tcp", "systemd", "file", "metric"]
    /// Keys that belong to one probe only.
    private static let companions = ["status": "http", "contains": "file", "youngerThan": "file"]
        .merging(MetricReader.keys.map { ($0, "metric") }, uniquingKeysWith: { first, _ in first })

    private static let keys = KeyTable(
        known: probeKeys + ["status", "contains", "youngerThan"] + MetricReader.keys
            + ["every", "timeout", "failures", "startPeriod"])

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
        let present = probeKeys.filter(mapping.has)
        guard let key = present.first, let field = mapping[key] else {
            guard !mapping.hasRefusedKeys else { return nil }
            mapping.refuseRule(
                at: "http", "oneProbe", found: "none of \(probeKeys.joined(separator: ", "))",
                expected: "one of them",
                remedy: "Add http: \"http://127.0.0.1:8080/healthz\" or command: [bin/check].")
            return nil
        }
        if present.count > 1 {
            mapping.refuseRule(
                at: present[1], "oneProbe", found: "\(present.joined(separator: " and ")) in one check",
                expected: "one of them", remedy: "Write a check for each.")
            return nil
        }
        for (companion, owner) in companions.sorted(by: { $0.key < $1.key })
        where owner != key && mapping.has(companion) {
            mapping.refuseRule(
                at: companion, "probeStatus", found: "\(companion) with \(key)",
                expected: "\(companion) with \(owner) only",
                remedy: "Remove \(companion).")
        }
        return read(key, field, mapping)
    }

    private static func read(_ key: String, _ field: Field, _ mapping: MappingReader) -> HealthProbe? {
        switch key {
        case "http":
            let status = mapping.optional("status", default: 200) { $0.integer(HealthCheck.statusBounds) }
            guard let url = readURL(field), let status else { return nil }
            return .http(url: url, status: status)
        case "tcp": return readAddress(field).map(HealthProbe.tcp)
        case "systemd": return ServiceReader.systemdUnit(field).map(HealthProbe.systemd)
        case "file": return readFile(field, mapping).map(HealthProbe.file)
        case "metric": return MetricReader.read(field, mapping).map(HealthProbe.metric)
        default: return CommandReader.read(field).map(HealthProbe.command)
        }
    }

    private static func readFile(_ field: Field, _ mapping: MappingReader) -> FileProbe? {
        let contains = mapping.optional("contains", default: String?.none) { $0.text().map(Optional.some) }
        let youngerThan = mapping.optional("youngerThan", default: TimeSpan?.none) {
            $0.span(.seconds(1) ... .days(365)).map(Optional.some)
        }
        guard case .text(let path, _) = field.node.content, path.utf8.count <= 4096,
            Field.isClean(path.hasPrefix("/") ? String(path.dropFirst()) : path)
        else {
            return field.refuse(
                "value.path", expected: "a clean path, relative to the installed tree or absolute",
                remedy: "Write it as run/ready or /run/payments/ready.")
        }
        guard let contains, let youngerThan else { return nil }
        return FileProbe(path: path, contains: contains, youngerThan: youngerThan)
    }

    /// `host:port`, either of which may be a variable of the host.
    private static func readAddress(_ field: Field) -> String? {
        let remedy = "Write it as \"127.0.0.1:5432\", \"[::1]:5432\" or \"127.0.0.1:${PORT}\"."
        guard case .text(let text, _) = field.node.content, text.utf8.count <= 300,
            let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")), colon != text.startIndex,
            hasWholeVariables(text), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/@#?\\\"".utf8.contains($0) })
        else { return field.refuse("value.address", expected: "an address with a port", remedy: remedy) }
        let port = String(text[text.index(after: colon)...])
        guard port.hasPrefix("${") || (Field.decimal(port).map { (1...65535).contains($0) } ?? false) else {
            return field.refuse("value.address", expected: "a port from 1 to 65535", remedy: remedy)
        }
        return text
    }

    /// `http://` or `https://`, a host, no user, no fragment, no space. `${NAME}` is a variable of the host.
    static func readURL(_ field: Field) -> String? {
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
