import Effects
import ReleaseDefinition
import ReleasePackaging

extension HealthProber {
    func ask(
        _ probe: MetricProbe, of unit: ManifestUnit, in stored: StoredRelease, timeout: TimeSpan
    ) async throws -> Answer {
        let probe = try probe.expanded(environment.variables(for: unit, of: stored))
        let answer: MetricAnswer
        switch probe.question {
        case .series(let series):
            let response = try await http.send(
                HTTPRequest("GET", probe.url, responseSizeMax: MetricProbe.pageSizeMax, timeout: timeout))
            guard response.status == 200 else { return unexpected(response, of: probe.url, status: 200) }
            answer = MetricPage.read(response.body, series)
        case .query(let query):
            let response = try await http.send(Self.request(query, to: probe.url, timeout))
            answer = PrometheusAnswer.read(response.body, status: response.status)
        }
        let (passed, detail) = probe.judge(answer)
        return Answer(passed: passed, detail: "\(probe.url): \(detail).")
    }

    private static func request(_ query: String, to url: String, _ timeout: TimeSpan) -> HTTPRequest {
        let form = "query=\(query.percentEncoded)&timeout=\(max(1, timeout.milliseconds / 1000))s"
        return HTTPRequest(
            "POST", (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/api/v1/query",
            headers: [
                HTTPField("Content-Type", "application/x-www-form-urlencoded"), HTTPField("Accept", "application/json"),
            ], body: Array(form.utf8), responseSizeMax: MetricProbe.answerSizeMax, timeout: timeout)
    }
}

extension MetricProbe {
    /// Everything in which a variable of the host may stand.
    var words: [String] {
        switch question {
        case .series(let series): [url] + series.labels.values
        case .query(let query): [url, query]
        }
    }

    fileprivate func expanded(_ variables: [String: String]) throws(AgentError) -> MetricProbe {
        let expand = { (text: String) throws(AgentError) in try Variables.expand(text, variables) }
        let asked: MetricQuestion =
            switch question {
            case .series(let series): .series(try series.expanded(expand))
            case .query(let query): .query(try expand(query))
            }
        return MetricProbe(url: try expand(url), question: asked, limit: limit)
    }
}
