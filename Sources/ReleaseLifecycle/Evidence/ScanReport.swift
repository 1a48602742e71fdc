import ReleaseDefinition

/// Findings of a scanner, from SARIF 2.1.0. What was suppressed there, and is not under review, does not count.
enum ScanReport {
    static func summary(_ bytes: [UInt8]) throws(LifecycleError) -> EvidenceSummary {
        let document = try ForeignJSON.parse(bytes, what: "SARIF")
        guard let runs = document["runs"]?.arrayValue, document["version"]?.stringValue?.hasPrefix("2.") == true else {
            throw LifecycleError(
                code: "evidence.sarif", summary: "The file has no runs of version 2: it is no SARIF.",
                remedy: "Have the scanner write SARIF 2.1.0.")
        }
        guard !runs.isEmpty else {
            throw LifecycleError(
                code: "evidence.sarif", summary: "The SARIF has no run: nothing was scanned.",
                remedy: "Have the scanner write what it found, or that it found nothing, as a run.")
        }
        var counts = Dictionary(uniqueKeysWithValues: ScanLevel.allCases.map { ($0.rawValue, 0) })
        var found: [(level: ScanLevel, name: String)] = []
        for run in runs {
            let rules = Rules(run)
            for result in run["results"]?.arrayValue ?? [] {
                guard let level = level(of: result, rules) else { continue }
                counts[level.rawValue, default: 0] += 1
                let name = result["ruleId"]?.stringValue ?? result["message"]?["text"]?.stringValue ?? "?"
                found.append((level, String(name.prefix(200))))
            }
        }
        let worst = found.sorted { $0.level > $1.level }.map { "\($0.name) (\($0.level.rawValue))" }
        return EvidenceSummary(result: .passed, counts: counts, notes: worst)
    }

    /// nil: it is no finding (3.27.9 kind), or was suppressed (3.27.23).
    private static func level(of result: JSONValue, _ rules: Rules) -> ScanLevel? {
        if let kind = result["kind"]?.stringValue, kind != "fail" { return nil }
        let suppressions = result["suppressions"]?.arrayValue ?? []
        let isSuppressed = { (it: JSONValue) in
            it["status"]?.stringValue.map { $0 == "accepted" } ?? true
        }
        if !suppressions.isEmpty, suppressions.allSatisfy(isSuppressed) { return nil }
        let rule = rules.rule(of: result)
        let severity = result["properties"]?["security-severity"] ?? rule?["properties"]?["security-severity"]
        if let severity, isCritical(severity) { return .critical }
        let word = result["level"]?.stringValue ?? rule?["defaultConfiguration"]?["level"]?.stringValue ?? "warning"
        return word == "none" ? nil : ScanLevel(rawValue: word) ?? .warning
    }

    /// CVSS of 9.0 to 10.0, as the tools write it: a text or a number.
    private static func isCritical(_ severity: JSONValue) -> Bool {
        let text = severity.stringValue ?? severity.integerValue.map(String.init) ?? ""
        let whole = text.prefix { $0 != "." }
        return whole == "9" || whole == "10"
    }

    /// The rules of a run, by name and by place.
    private struct Rules {
        private var byID: [String: JSONValue] = [:]
        private var list: [JSONValue]

        init(_ run: JSONValue) {
            list = run["tool"]?["driver"]?["rules"]?.arrayValue ?? []
            let extensions = run["tool"]?["extensions"]?.arrayValue ?? []
            for rule in list + extensions.flatMap({ $0["rules"]?.arrayValue ?? [] }) {
                if let id = rule["id"]?.stringValue, byID[id] == nil { byID[id] = rule }
            }
        }

        func rule(of result: JSONValue) -> JSONValue? {
            if let id = result["ruleId"]?.stringValue ?? result["rule"]?["id"]?.stringValue { return byID[id] }
            guard let index = result["ruleIndex"]?.integerValue, let place = Int(exactly: index),
                list.indices.contains(place)
            else { return nil }
            return list[place]
        }
    }
}
