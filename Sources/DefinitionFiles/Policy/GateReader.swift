import ReleaseDefinition

/// `gates` of a policy: a mapping of names to questions.
enum GateReader {
    private static let keys = KeyTable(known: [
        "prometheus", "query", "below", "above", "worseThanOthersBy", "command", "webhook", "timeout",
    ])

    static func read(_ field: Field) -> [GateDefinition]? {
        field.pairs(countMax: 50, what: "gates") { key, value in
            let name = key.name(GateName.self)
            guard let mapping = MappingReader(value, keys, what: "a gate") else { return nil }
            let timeout = mapping.optional("timeout", default: TimeSpan.seconds(30)) {
                $0.span(.seconds(1) ... .minutes(10))
            }
            let source = readSource(mapping)
            guard let name, let timeout, let source else { return nil }
            return GateDefinition(name: name, source: source, timeout: timeout)
        }
    }

    private static func readSource(_ mapping: MappingReader) -> GateSource? {
        let kinds = ["prometheus", "command", "webhook"].filter(mapping.has)
        guard kinds.count == 1, let kind = kinds.first else {
            guard !kinds.isEmpty || !mapping.hasRefusedKeys else { return nil }
            mapping.refuseRule(
                at: kinds.last ?? "prometheus", "gateSource",
                found: kinds.isEmpty ? "none of them" : kinds.joined(separator: " and "),
                expected: "one of prometheus, command, webhook", remedy: "Make one gate of each question.")
            return nil
        }
        if kind != "prometheus" {
            for key in ["query", "below", "above", "worseThanOthersBy"] where mapping.has(key) {
                mapping.refuseRule(
                    at: key, "gateKey", found: "\(key) with \(kind)", expected: "\(key) with prometheus only",
                    remedy: "Remove it.")
            }
        }
        switch kind {
        case "command": return mapping["command"].flatMap(readCommand).map(GateSource.command)
        case "webhook": return mapping["webhook"].flatMap(readURL).map { .webhook(WebhookGate(url: $0)) }
        default: return readPrometheus(mapping).map(GateSource.prometheus)
        }
    }

    private static func readPrometheus(_ mapping: MappingReader) -> PrometheusGate? {
        let url = mapping["prometheus"].flatMap(readURL)
        let query = mapping.required("query", example: "query: sum(rate(errors_total[5m]))") {
            $0.text(lengthMax: 4000, what: "a PromQL query")
        }
        let limits = ["below", "above", "worseThanOthersBy"].filter(mapping.has)
        guard limits.count == 1, let key = limits.first, let field = mapping[key] else {
            mapping.refuseRule(
                at: limits.last ?? "query", "gateLimit",
                found: limits.isEmpty ? "no limit" : limits.joined(separator: " and "),
                expected: "one of below, above, worseThanOthersBy", remedy: "Say what a good answer is, as below: 0.01."
            )
            return nil
        }
        let number = { field.value("a number") { text throws(DefinitionError) in try DecimalNumber(text) } }
        let limit: GateLimit? =
            switch key {
            case "below": number().map(GateLimit.below)
            case "above": number().map(GateLimit.above)
            default: ToleranceReader.percentage(field, 0...10_000).map(GateLimit.worseThanOthersBy)
            }
        if case .worseThanOthersBy? = limit, let query, !query.contains("$hosts") {
            mapping.refuseRule(
                at: "query", "gateHosts", found: "worseThanOthersBy with a query without $hosts",
                expected: "$hosts in the query", remedy: "Write instance=~\"($hosts).*\" where the hosts are chosen.")
        }
        guard let url, let query, let limit else { return nil }
        return PrometheusGate(url: url, query: query, limit: limit)
    }

    /// `[smoke, --environment, production]`: the first is a file in the controller's folder `gates`.
    private static func readCommand(_ field: Field) -> CommandGate? {
        let words = field.someElements(countMax: 50, what: "words") { $0.text(lengthMax: 1000) }
        guard let words, let program = words.first else { return nil }
        let isName =
            !program.hasPrefix(".") && program.utf8.count <= 100
            && program.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "._-".utf8.contains(byte)
            }
        guard isName else {
            return field.refuse(
                "value.program", found: quote(program), expected: "the name of a file in the controller's folder gates",
                remedy: "Put the program there and write its name alone.")
        }
        return CommandGate(program: program, arguments: Array(words.dropFirst()))
    }

    private static func readURL(_ field: Field) -> String? {
        guard let text = field.text(lengthMax: 1000, what: "an http or https address") else { return nil }
        let rest = ["http://", "https://"].first(where: text.hasPrefix).map { text.dropFirst($0.count) }
        guard let rest, let first = rest.utf8.first, first != UInt8(ascii: "/"),
            rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !rest.contains("@"), !rest.contains("#")
        else {
            return field.refuse(
                "value.url", expected: "an http or https address without a password",
                remedy: "Write it as https://metrics.example:9090.")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
