import ControllerAPI
import Effects
import Foundation
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import ControllerLibrary

@Suite("What the controller says of itself")
struct MetricsTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let hasPromtool = FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")

    private static func shipped(_ name: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent("packaging/observability/\(name)"), encoding: .utf8)
    }

    private static func promtool(_ arguments: [String], input: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
        process.arguments = arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    /// After some work, so that every kind of sample is there.
    private func metrics() async throws -> String {
        return try await TestFleet.serving(2) { fleet, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let view = try await TestFleet.rollOut(TestFleet.definition("1.0", .bigBang), by: client)
            #expect(view.state == .succeeded)
            let stranger = try TestClient(fleet.test, running)
            #expect(try await stranger.send("GET", "/metrics").status == 401)
            await stranger.close()
            let response = try await client.send("GET", "/metrics")
            #expect(response.status == 200)
            #expect(response.head["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
            return String(decoding: response.body, as: UTF8.self)
        }
    }

    @Test("Prometheus gets OpenMetrics as it asks for it, with each counter's family named without _total")
    func openMetrics() async throws {
        let test = try TestController()
        let text = try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            // What Prometheus 2.42 sends.
            let accept =
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            _ = try await client.send("GET", "/v1/hosts")
            let response = try await client.send("GET", "/metrics", headers: [HTTPField("Accept", accept)])
            #expect(response.head["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(response.head["Vary"] == "Accept")
            await client.close()
            return String(decoding: response.body, as: UTF8.self)
        }
        #expect(text.hasSuffix("\n# EOF\n") && text.split(separator: "# EOF").count == 2)
        #expect(text.contains("# TYPE slipway_http_requests counter\nslipway_http_requests_total{"))
        let families = text.split(separator: "\n").filter { $0.hasPrefix("# ") }.map {
            $0.split(separator: " ").prefix(3)
        }
        #expect(families.count > 30 && !families.contains { $0.last?.hasSuffix("_total") == true })
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("openmetrics-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard Self.hasPromtool else { return }
        // Prometheus' own reader of this form; from a file it wants each sample's time.
        let timed = text.split(separator: "\n").map { $0.hasPrefix("#") ? String($0) : "\($0) 1700000000" }
        let file = folder.appendingPathComponent("metrics")
        try (timed.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        let made = try Self.promtool(
            ["tsdb", "create-blocks-from", "openmetrics", file.path, folder.path], input: "")
        #expect(made.status == 0, "\(made.output)")
        #expect(made.output.contains("NUM SERIES"), "\(made.output)")
    }

    @Test(
        "Of the two forms of metrics each gets what it asks for, and whoever names none the older one",
        arguments: [
            (nil, false), ("*/*", false), ("text/plain", false), ("application/openmetrics-text", true),
            ("application/openmetrics-text; version=1.0.0; q=0.5, text/plain;q=0.6", false),
            ("text/plain;q=0.5,application/openmetrics-text;version=\"1.0.0\";escaping=allow-utf-8;q=0.5", true),
            ("application/openmetrics-text;version=0.0.1,text/plain;q=0.1", false),
            ("application/openmetrics-text;q=0", false), ("application/openmetrics-text;q=x, */*;q=0.1", false),
        ] as [(String?, Bool)])
    func forms(_ accept: String?, _ isOpen: Bool) {
        #expect((MetricsText.Form(accepting: accept) == .openMetrics) == isOpen)
    }

    private static func names(_ text: String) -> Set<String> {
        Set(text.matches(of: /(slipway|process)_[a-z_]+/).map { String($0.output.0) })
    }

    @Test("Prometheus reads the metrics, and every name in the shipped alerts and the dashboard is one of them")
    func metricsAreRead() async throws {
        let text = try await metrics()
        #expect(text.contains("slipway_agents_connected 2\n"))
        #expect(text.contains("slipway_hosts{standing=\"active\"} 2\n"))
        #expect(text.contains("route=\"/v1/agent/reports\",status=\"200\""))
        #expect(!text.contains("host-"), "a host's name is no label")
        if Self.hasPromtool {
            let checked = try Self.promtool(["check", "metrics"], input: text)
            #expect(checked.status == 0, "\(checked.output)")
        }
        let known = Self.names(text)
        for name in ["slipway-alerts.yml", "slipway-dashboard.json"] {
            let used = Self.names(try Self.shipped(name))
            #expect(used.count > 5)
            #expect(used.subtracting(known).isEmpty, "\(name)")
        }
    }

    @Test("The shipped alerts are sound", .enabled(if: hasPromtool))
    func alerts() throws {
        let path = Self.root.appendingPathComponent("packaging/observability/slipway-alerts.yml").path
        let checked = try Self.promtool(["check", "rules", path], input: "")
        #expect(checked.status == 0, "\(checked.output)")
    }

    @Test("Readiness says what works, and what does not")
    func readiness() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            let ready = try await client.send("GET", "/readyz?verbose")
            #expect(ready.status == 200)
            #expect(String(decoding: ready.body, as: UTF8.self) == "[+] record\n[+] repository\n[+] engine\nok\n")
            #expect(try await client.send("GET", "/livez").status == 200)
            await running.controller.suspend()
            let suspended = try await client.send("GET", "/readyz?verbose")
            #expect(suspended.status == 503)
            #expect(String(decoding: suspended.body, as: UTF8.self).contains("[-] engine\n"))
            await client.close()
        }
    }

    @Test("A database that is away for less than a minute takes nobody out of a balancer")
    func patience() {
        #expect(ReadinessCheck.record(away: nil).line == "[+] record\n")
        #expect(ReadinessCheck.record(away: .seconds(59)).line == "[~] record\n")
        #expect(ReadinessCheck.record(away: .seconds(60)).line == "[-] record\n")
    }

    @Test("A log of JSON is one object a line, whatever the words hold")
    func jsonLog() throws {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "test") { label in
            JSONLogHandler(label: label) { line in lines.withLock { $0.append(line) } }
        }
        logger.warning("two\nlines \"quoted\"", metadata: ["host": "web\n1", "code": "a.b"])
        logger.debug("too low")
        let line = try #require(lines.withLock { $0.first })
        #expect(lines.withLock { $0.count } == 1 && !line.contains("\n"))
        let value = try JSONValue(parsing: Array(line.utf8))
        #expect(value["level"]?.stringValue == "warning")
        #expect(value["message"]?.stringValue == "two\nlines \"quoted\"")
        #expect(value["context"]?["host"]?.stringValue == "web\n1")
    }

    @Test("The trace of an order has the form that tools pass on, and is its rollout's")
    func trace() throws {
        let rollout = try RolloutID("r1-5f3a")
        let (one, other) = (OrderID(rollout: rollout, action: .install), OrderID(rollout: rollout, action: .backOut))
        #expect(TraceParent(one).description.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil)
        #expect(TraceParent(one).traceID == TraceParent(other).traceID)
        #expect(TraceParent(one).spanID != TraceParent(other).spanID)
    }
}
