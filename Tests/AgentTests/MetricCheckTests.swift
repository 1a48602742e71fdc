import AgentProtocol
import DefinitionFiles
import Effects
import Foundation
import ReleaseDefinition
import Testing

import enum TestSupport.Ports

@testable import AgentLibrary

@Suite("Health by metrics")
struct MetricCheckTests {
    private static func probe(_ url: String, _ series: String, _ limit: MetricLimit) throws -> HealthProbe {
        .metric(MetricProbe(url: url, question: .series(try MetricSeries(series)), limit: limit))
    }

    private static func unit(_ probe: HealthProbe, startPeriod: TimeSpan = .zero) throws -> UnitDefinition {
        var unit = try TestRepository.unit()
        unit.health = [
            HealthCheck(
                probe: probe, every: .milliseconds(100), timeout: .seconds(10), startPeriod: startPeriod, failures: 3)
        ]
        return unit
    }

    @Test("A release whose own page tells of too many errors is taken back, and the host says the number and the limit")
    func backsOut() async throws {
        let repository = try TestRepository()
        let server = try await WebServer(repository)
        func submit(_ version: String, errors: String) async throws -> HostRelease {
            let name = "metrics-\(version)"
            try repository.folder.directory.writeDurably(name, Array("errors{zone=\"a\"} \(errors)\n".utf8))
            let probe = try Self.probe(
                "http://127.0.0.1:${METRICS}/\(name)", "errors{zone=\"${ZONE}\"}", .below(DecimalNumber("0.05")))
            return try await repository.submit(version, units: [try Self.unit(probe)])
        }
        let (one, two) = (try await submit("1.0", errors: "0.01"), try await submit("2.0", errors: "0.07"))
        let host = try await TestHost(
            repository, variables: ["METRICS": server.port, "ZONE": "a"],
            local: LiveHTTP(identity: nil, userAgent: "test"))
        let first = try await host.carryOut(repository.assignment(1, .install, one), installOrder(1))
        #expect(first.outcome == .succeeded, "\(first)")
        let second = try await host.carryOut(repository.assignment(2, .install, two), installOrder(2))
        #expect(second.outcome == .backedOut(.health), "\(second)")
        let summary = try #require(second.failure?.evidence.error.summary)
        let words = "http://127.0.0.1:\(server.port)/metrics-2.0: errors{zone=\"a\"} is 0.07, below 0.05 is good."
        #expect(summary.contains(words), "\(summary)")
        #expect(try host.version() == "1.0")
        try await host.end()
        try await server.end()
    }

    @Test("A variable that the host lacks is refused before anything is stopped")
    func lacksVariable() async throws {
        let repository = try TestRepository()
        let asked = [
            try Self.probe("http://127.0.0.1/metrics", "errors{zone=\"${ZONE}\"}", .below(DecimalNumber("1"))),
            .metric(
                MetricProbe(
                    url: "http://127.0.0.1", question: .query("up{zone=\"${ZONE}\"}"),
                    limit: .above(try DecimalNumber("0"))
                )),
        ]
        let host = try await TestHost(repository)
        for (number, probe) in asked.enumerated() {
            let release = try await repository.submit("\(number + 1).0", units: [try Self.unit(probe)])
            let ended = try await host.carryOut(
                repository.assignment(number + 1, .install, release), installOrder(number + 1))
            #expect(ended.failure?.evidence.error.code == "agent.variable", "\(ended)")
            #expect(try host.version() == nil)
        }
        await host.stop()
    }

    @Test("A page is asked of a real server: what is missing, no page, too long, not there or silent is no health")
    func pages() async throws {
        let repository = try TestRepository()
        let server = try await WebServer(repository)
        let folder = repository.folder.directory
        try folder.writeDurably("metrics", Array("up 1\nnone NaN\nmany{a=\"1\"} 1\nmany{a=\"2\"} 1\n".utf8))
        try folder.writeDurably("page", Array("<html>up 1</html>\n".utf8))
        let line = Array("# up to the brim\n".utf8)
        let count = Int(MetricProbe.pageSizeMax.value) / line.count + 1
        try folder.writeDurably("long", Array(repeatElement(line, count: count).joined()) + Array("up 1\n".utf8))
        let prober = try await Prober(repository)
        func ask(_ path: String, _ series: String = "up") async throws -> HealthProber.Answer {
            try await prober.ask(Self.probe(server.url + path, series, .equals(DecimalNumber("1"))))
        }
        let well = try await ask("/metrics")
        #expect(well == .init(passed: true, detail: "\(server.url)/metrics: up is 1, equal to 1 is good."))
        let cases = [
            ("/metrics", "down", "the page has no down."), ("/metrics", "none", "none is not a number (NaN)."),
            ("/metrics", "many", "many is told by 2 series, one is needed: name more of its labels."),
            ("/page", "up", "line 1 of the page is no line of metrics"),
            ("/long", "up", "at most \(MetricProbe.pageSizeMax.value) bytes are accepted"),
            ("/absent", "up", "answered 404, expected was 200"),
        ]
        for (path, series, words) in cases {
            let answer = try await ask(path, series)
            #expect(!answer.passed && answer.detail.contains(words), "\(answer)")
        }
        // No Prometheus: it refuses the question.
        let query = try await prober.ask(
            .metric(MetricProbe(url: server.url, question: .query("up"), limit: .above(DecimalNumber("0")))))
        #expect(query == .init(passed: false, detail: "\(server.url): status 501, and no answer of a Prometheus."))
        try await server.end()
        let silent = try await ask("/metrics")
        #expect(!silent.passed && silent.detail.contains("/metrics"), "\(silent)")
    }

    @Test("A real Prometheus is asked for a query, and for its own page", .enabled(if: Prometheus.isInstalled))
    func prometheus() async throws {
        let prober = try await Prober(TestRepository())
        let peer = try await Prometheus()
        func ask(_ query: String, _ limit: MetricLimit) async throws -> HealthProber.Answer {
            try await prober.ask(.metric(MetricProbe(url: peer.url + "/", question: .query(query), limit: limit)))
        }
        let low = MetricLimit.below(try DecimalNumber("0.05"))
        let well = try await ask("vector(0.02)", low)
        #expect(well.passed && well.detail.hasSuffix(": vector(0.02) is 0.02, below 0.05 is good."), "\(well)")
        #expect(try await ask("scalar(vector(0.02))", low).passed)
        for (query, words) in [
            ("vector(0.07)", "is 0.07, below 0.05 is good"), ("absent_metric", "absent_metric has no data"),
            ("vector(0) / 0", "has no data"), ("sum(((", "parse error"), ("\"text\"", "it answers a string"),
        ] {
            let answer = try await ask(query, low)
            #expect(!answer.passed && answer.detail.contains(words), "\(answer)")
        }
        let own = try Self.probe(peer.url + "/metrics", "prometheus_ready", .equals(DecimalNumber("1")))
        #expect(await prober.ask(own).passed)
        let code = "prometheus_http_requests_total{code=\"200\",handler=\"/-/ready\"}"
        #expect(await prober.ask(try Self.probe(peer.url + "/metrics", code, .above(DecimalNumber("0")))).passed)
        try await peer.end()
    }

    @Test("The handbook's metric checks are read and pass against a page and a Prometheus that are as it says")
    func handbook() async throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try String(contentsOfFile: root + "/docs/definition-files.md", encoding: .utf8)
        let lines = text.split(separator: "\n").filter { $0.contains("- { metric: ") }
        #expect(lines.count >= 3)
        let definition = """
            product: web
            version: "1.0"
            category: major
            summary: As in the handbook
            owner: web-team
            units:
              - name: web
                source: .
                installTo: /opt/web
                health:
            \(lines.joined(separator: "\n"))
            """
        let checks = try ReleaseFile.parse(Array(definition.utf8), file: "release.yaml").units[0].health
        let repository = try TestRepository()
        let server = try await WebServer(repository)
        let page = "ready 1\nhttp_errors_total{code=\"500\",zone=\"a\"} 2\n"
        try repository.folder.directory.writeDurably("metrics", Array(page.utf8))
        let peer = Prometheus.isInstalled ? try await Prometheus() : nil
        var variables = ["PORT": server.port]
        variables["PROMETHEUS"] = peer.map { String($0.url.dropFirst("http://".count)) }
        let prober = try await Prober(repository, variables: variables)
        for check in checks {
            guard case .metric(let probe) = check.probe else { continue }
            if case .query = probe.question, peer == nil { continue }
            let answer = await prober.ask(check.probe)
            #expect(answer.passed, "\(answer)")
        }
        try await peer?.end()
        try await server.end()
    }
}

private func installOrder(_ number: Int) throws -> OrderID {
    OrderID(rollout: try RolloutID("rollout-\(number)"), action: .install)
}

/// Asks as the agent does, over the network.
private struct Prober {
    let prober: HealthProber
    let stored: StoredRelease
    private let folder: TemporaryFolder

    init(_ repository: TestRepository, variables: [String: String] = [:]) async throws {
        folder = try TemporaryFolder()
        var configuration = RealAgent.configuration(repository: "http://127.0.0.1", root: "/")
        configuration.variables = variables
        let processes = LiveProcesses()
        prober = HealthProber(
            http: try LiveHTTP(identity: nil, userAgent: "test"), processes: processes,
            environment: StepEnvironment(configuration: configuration, labels: LabelsInForce(configuration.labels)),
            systemctl: Systemctl(processes: processes, workingDirectory: "/"), now: { SystemTime().now() })
        let manifest = try repository.manifest(of: try await repository.submit("1.0"))
        let store = ReleaseStore(directory: folder.directory, root: folder.path, units: folder.path + "/units")
        stored = try store.keep(manifest, bytes: manifest.bytes, blobs: repository.blobs)
    }

    func ask(_ probe: HealthProbe) async -> HealthProber.Answer {
        await prober.ask(
            HealthCheck(probe: probe, timeout: .seconds(10)), of: stored.manifest.units[0], in: stored)
    }
}

/// Debian's Prometheus on loopback, which watches nothing.
private struct Prometheus {
    private static let program = "/usr/bin/prometheus"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    let url: String
    private let process: ServiceProcess
    private let folder: TemporaryFolder

    init() async throws {
        folder = try TemporaryFolder()
        try folder.directory.writeDurably("prometheus.yml", Array("global: {}\n".utf8))
        let address = "127.0.0.1:\(try Ports.free())"
        process = try LiveProcesses().startService(
            ProcessCommand(
                executable: Self.program,
                arguments: [
                    "--config.file=\(folder.path)/prometheus.yml", "--storage.tsdb.path=\(folder.path)/data",
                    "--web.listen-address=\(address)", "--log.level=error",
                ], workingDirectory: "/", timeout: .zero), log: folder.path + "/log")
        url = "http://" + address
        let http = try LiveHTTP(identity: nil, userAgent: "test")
        let ready = url + "/-/ready"
        _ = try await poll { (try? await http.send(HTTPRequest("GET", ready)))?.status == 200 ? true : nil }
    }

    func end() async throws { try await LiveProcesses().stopService(process, grace: .seconds(2)) }
}
