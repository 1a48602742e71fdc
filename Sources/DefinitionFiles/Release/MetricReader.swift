import ReleaseDefinition

/// `{ metric: URL, series: NAME, below: 5 }` or `{ metric: URL, query: PROMQL, above: 1 }` of a health check.
enum MetricReader {
    /// What stands beside `metric` and nowhere else.
    static let keys = questionKeys + limitKeys
    private static let questionKeys = ["series", "query"]
    private static let limitKeys = ["below", "above", "equals"]

    static func read(_ field: Field, _ mapping: MappingReader) -> MetricProbe? {
        let url = HealthReader.readURL(field)
        let question = readQuestion(mapping)
        let limit = readLimit(mapping)
        guard let url, let question, let limit else { return nil }
        if case .query = question, url.contains("?") {
            return field.refuse(
                "value.url", expected: "the address of a Prometheus, without a query",
                remedy: "Write it as \"http://metrics.example:9090\" and the query under query.")
        }
        return MetricProbe(url: url, question: question, limit: limit)
    }

    private static func readQuestion(_ mapping: MappingReader) -> MetricQuestion? {
        let present = questionKeys.filter(mapping.has)
        guard present.count == 1, let key = present.first, let field = mapping[key] else {
            mapping.refuseRule(
                at: present.last ?? "metric", "metricQuestion",
                found: present.isEmpty ? "neither of them" : "series and query", expected: "one of series, query",
                remedy: "Write series: 'errors_total{code=\"500\"}' of a page of metrics, or query: of a Prometheus.")
            return nil
        }
        let question: MetricQuestion?
        let words: [String]
        if key == "series" {
            let series = field.value("a metric's name with its labels") { text throws(DefinitionError) in
                try MetricSeries(text)
            }
            question = series.map(MetricQuestion.series)
            words = series.map { Array($0.labels.values) } ?? []
        } else {
            let query = field.text(lengthMax: MetricProbe.questionBounds.upperBound, what: "a PromQL query")
            question = query.map(MetricQuestion.query)
            words = query.map { [$0] } ?? []
        }
        guard words.allSatisfy(hasWholeVariables) else {
            return field.refuse(
                "value.variable", expected: "variables written ${NAME}, NAME of A-Z, 0-9 and _",
                remedy: "Write it as ${PORT}.")
        }
        return question
    }

    private static func readLimit(_ mapping: MappingReader) -> MetricLimit? {
        let present = limitKeys.filter(mapping.has)
        guard present.count == 1, let key = present.first, let field = mapping[key] else {
            mapping.refuseRule(
                at: present.last ?? "metric", "metricLimit",
                found: present.isEmpty ? "no limit" : present.joined(separator: " and "),
                expected: "one of below, above, equals", remedy: "Say what a good number is, as below: 0.05.")
            return nil
        }
        let number = field.value("a number") { text throws(DefinitionError) in try DecimalNumber(text) }
        switch key {
        case "below": return number.map(MetricLimit.below)
        case "above": return number.map(MetricLimit.above)
        default: return number.map(MetricLimit.equals)
        }
    }

    /// Each `${` begins a `${NAME}`; braces and `$` stand in PromQL besides.
    private static func hasWholeVariables(_ text: String) -> Bool {
        text.split(separator: "${", omittingEmptySubsequences: false).dropFirst().allSatisfy { rest in
            guard let end = rest.firstIndex(of: "}") else { return false }
            return HealthReader.hasWholeVariables("${\(rest[..<end])}")
        }
    }
}
