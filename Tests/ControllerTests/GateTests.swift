import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing

import enum TestSupport.Ports

@testable import ControllerLibrary

@Suite("Gates and their sources")
struct GateTests {
    private static func context(_ updated: [String] = ["web-1", "web-2"], others: [String] = ["web-3"]) throws
        -> GateContext
    {
        GateContext(
            rollout: try RolloutID("r1"), release: try ReleaseName("web@1.3"),
            environment: try EnvironmentName("staging"), phase: 2, updated: try updated.map { try HostID($0) },
            others: try others.map { try HostID($0) }, startedAt: UTCInstant(secondsSince1970: 1_700_000_000))
    }

    private static func folder() throws -> (TemporaryFolder, ControllerDirectory) {
        let folder = try TemporaryFolder()
        let directory = try Directory.open(folder.path)
        try directory.createDirectory("gates")
        return (folder, ControllerDirectory(directory: directory))
    }

    private static func gate(_ source: GateSource, timeout: TimeSpan = .seconds(30)) throws -> GateDefinition {
        GateDefinition(name: try GateName("g"), source: source, timeout: timeout)
    }

    // MARK: pure

    @Test("A number is held against its limit; no data, a refusal and several series decide nothing")
    func evaluation() throws {
        let below = GateLimit.below(try DecimalNumber("0.5"))
        let above = GateLimit.above(try DecimalNumber("-1"))
        let cases: [(GateLimit, MetricAnswer, GateVerdict)] = [
            (below, .number(0.4), .pass), (below, .number(0.5), .fail), (above, .number(0), .pass),
            (above, .number(-1), .fail), (below, .number(.nan), .noData), (below, .nothing, .noData),
            (below, .unreachable("x"), .noData), (below, .refused("x"), .inconclusive),
            (below, .series(2), .inconclusive), (above, .number(.infinity), .pass), (below, .number(.infinity), .fail),
        ]
        for (limit, answer, verdict) in cases {
            #expect(GateEvaluation.judge(limit, own: answer).verdict == verdict, "\(limit) \(answer)")
        }
        #expect(GateEvaluation.judge(below, own: .number(0.25)).detail == "0.25, below 0.5 is good")
    }

    @Test("Hosts with the release are compared with those without; without a comparison nothing is decided")
    func comparison() {
        let limit = GateLimit.worseThanOthersBy(percent: 10)
        func judge(_ own: Double, _ others: MetricAnswer?) -> GateVerdict {
            GateEvaluation.judge(limit, own: .number(own), others: others, comparedWith: "3 hosts").verdict
        }
        #expect(judge(1.1, .number(1)) == .pass)
        #expect(judge(1.2, .number(1)) == .fail)
        #expect(judge(0, .number(0)) == .pass)
        #expect(judge(0.1, .number(0)) == .fail)
        #expect(judge(-0.9, .number(-1)) == .pass)
        #expect(judge(1, .nothing) == .inconclusive)
        #expect(judge(1, .unreachable("x")) == .inconclusive)
        #expect(judge(1, nil) == .inconclusive)
    }

    @Test("Hosts stand in a query as a pattern that matches them alone, at most a thousand of them")
    func hosts() throws {
        let gate = PrometheusGate(
            url: "http://x", query: "up{host=~\"$hosts\"}", limit: .above(try DecimalNumber("0")))
        #expect(try gate.query(for: [HostID("a.b"), HostID("c-1")]) == "up{host=~\"a[.]b|c-1\"}")
        let many = try (0..<2500).map { try HostID("h\($0)") }
        let some = GateHosts.some(many)
        #expect(some.count == 1000)
        #expect(Set(some).count == 1000)
        #expect(some.first == many.first)
    }

    // MARK: programs

    @Test("A program's exit code is the verdict, its last line the detail; it gets arguments as they are, and no shell")
    func programs() async throws {
        let (_folder, folder) = try Self.folder()
        defer { _ = _folder }
        let script =
            "#!/bin/sh\n[ \"$1\" = '$(id) ; x' ] || exit 9\necho \"$SLIPWAY_RELEASE $SLIPWAY_HOSTS\"\nexit $2\n"
        try folder.directory.writeDurably("gates/smoke", Array(script.utf8), mode: 0o755)
        let runner = try GateRunner.live(folder)
        for (code, verdict) in [("0", GateVerdict.pass), ("1", .fail), ("75", .noData), ("3", .inconclusive)] {
            let gate = try Self.gate(.command(CommandGate(program: "smoke", arguments: ["$(id) ; x", code])))
            let judgement = await runner.judge(gate, try Self.context())
            #expect(judgement.verdict == verdict)
            #expect(judgement.detail == "it ended with \(code): web@1.3 web-1,web-2")
        }
    }

    @Test("A program that is not there, that others may write, or that does not end, is no fault of the release")
    func badPrograms() async throws {
        let (_folder, folder) = try Self.folder()
        defer { _ = _folder }
        try folder.directory.writeDurably("gates/open", Array("#!/bin/sh\n".utf8), mode: 0o777)
        try folder.directory.writeDurably("gates/slow", Array("#!/bin/sh\nexec sleep 600\n".utf8), mode: 0o755)
        try folder.directory.createSymlink("gates/link", to: "/bin/true")
        let runner = try GateRunner.live(folder)
        for name in ["absent", "open", "link"] {
            let gate = try Self.gate(.command(CommandGate(program: name)))
            #expect(await runner.judge(gate, try Self.context()).verdict == .noData, "\(name)")
        }
        let slow = try Self.gate(.command(CommandGate(program: "slow")), timeout: .seconds(1))
        let judgement = await runner.judge(slow, try Self.context())
        #expect(judgement == GateJudgement(.inconclusive, "it was not done within 1s"))
    }

    // MARK: webhooks

    @Test("A webhook's verdict counts; an address that is silent, fails, or says something else does not")
    func webhooks() async throws {
        let (_folder, folder) = try Self.folder()
        defer { _ = _folder }
        for (status, body, verdict) in [
            (200, #"{"verdict":"pass","detail":"all well"}"#, GateVerdict.pass), (200, #"{"verdict":"fail"}"#, .fail),
            (200, #"{"verdict":"no-data"}"#, .noData), (200, #"{"verdict":"great"}"#, .inconclusive),
            (200, "<html>", .inconclusive), (500, "", .noData), (302, "", .noData),
        ] {
            let http = AnsweringHTTP(status: status, body: body)
            let runner = GateRunner(http: http, processes: LiveProcesses(), folder: folder)
            let gate = try Self.gate(.webhook(WebhookGate(url: "http://desk.example/gate")))
            #expect(await runner.judge(gate, try Self.context()).verdict == verdict, "\(status) \(body)")
        }
        let gate = try Self.gate(.webhook(WebhookGate(url: "http://127.0.0.1:1/")))
        #expect(await try GateRunner.live(folder).judge(gate, Self.context()).verdict == .noData)
    }

    // MARK: a real Prometheus

    @Test("PromQL is asked of a real Prometheus", .enabled(if: RealPrometheus.isInstalled))
    func prometheus() async throws {
        let (_folder, folder) = try Self.folder()
        defer { _ = _folder }
        let peer = try await RealPrometheus.start()
        defer { peer.stop() }
        let runner = try GateRunner.live(folder)
        func judge(_ query: String, _ limit: GateLimit, url: String? = nil) async throws -> GateJudgement {
            let gate = PrometheusGate(url: url ?? peer.url, query: query, limit: limit)
            return await runner.judge(try Self.gate(.prometheus(gate)), try Self.context())
        }
        let errors = "sum(errors{host=~\"$hosts\"}) / sum(requests{host=~\"$hosts\"})"
        let low = GateLimit.below(try DecimalNumber("0.03"))
        // web-1 and web-2 have 2 errors of 100 each, web-3 has 1 of 100.
        #expect(try await judge(errors, low) == GateJudgement(.pass, "0.02, below 0.03 is good"))
        #expect(try await judge(errors, .below(DecimalNumber("0.02"))).verdict == .fail)
        #expect(try await judge("scalar(sum(requests))", .above(DecimalNumber("299"))).verdict == .pass)
        #expect(try await judge(errors, .worseThanOthersBy(percent: 150)).verdict == .pass)
        #expect(
            try await judge(errors, .worseThanOthersBy(percent: 50))
                == GateJudgement(.fail, "0.02, 1 host without the release 0.01: up to 0.015 is good"))
        #expect(try await judge("sum(absent_metric)", low).verdict == .noData)
        #expect(try await judge("sum(requests) * 0 / 0", low).verdict == .noData)
        #expect(try await judge("errors", low).verdict == .inconclusive)
        #expect(try await judge("sum(((", low).verdict == .inconclusive)
        #expect(try await judge("errors[5m]", low).verdict == .inconclusive)
        #expect(try await judge("\"text\"", low).verdict == .inconclusive)
        #expect(try await judge(errors, low, url: "http://127.0.0.1:1").verdict == .noData)
    }
}

/// Answers every request alike.
private struct AnsweringHTTP: HTTPDoor {
    var status: Int
    var body: String

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        HTTPResponse(head: HTTPHead(status: status, headers: []), body: Array(body.utf8))
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {}

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}

/// Debian's Prometheus on loopback, with samples that promtool wrote.
private final class RealPrometheus: Sendable {
    private static let program = "/usr/bin/prometheus"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: program)

    let url: String
    private let process: Process
    private let folder: TemporaryFolder

    private init(url: String, process: Process, folder: TemporaryFolder) {
        self.url = url
        self.process = process
        self.folder = folder
    }

    static func start() async throws -> RealPrometheus {
        let folder = try TemporaryFolder()
        let now = Int64(Date().timeIntervalSince1970)
        var lines = ["# TYPE requests gauge"]
        for metric in ["requests", "errors"] {
            if metric == "errors" { lines.append("# TYPE errors gauge") }
            for (host, errors) in [("web-1", 2), ("web-2", 2), ("web-3", 1)] {
                for minute in -10...10 {
                    lines.append(
                        "\(metric){host=\"\(host)\"} \(metric == "errors" ? errors : 100) \(now + Int64(minute) * 60)")
                }
            }
        }
        let samples = folder.path + "/samples.txt"
        try (lines + ["# EOF", ""]).joined(separator: "\n").write(toFile: samples, atomically: true, encoding: .utf8)
        try "global: {}\n".write(toFile: folder.path + "/prometheus.yml", atomically: true, encoding: .utf8)
        let tool = try run(
            "/usr/bin/promtool", ["tsdb", "create-blocks-from", "openmetrics", samples, folder.path + "/data"])
        tool.waitUntilExit()
        #expect(tool.terminationStatus == 0)
        let port = try Ports.free()
        let process = try run(
            program,
            [
                "--config.file=\(folder.path)/prometheus.yml", "--storage.tsdb.path=\(folder.path)/data",
                "--storage.tsdb.allow-overlapping-blocks",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
            ])
        let peer = RealPrometheus(url: "http://127.0.0.1:\(port)", process: process, folder: folder)
        let http = try LiveHTTP(identity: nil, userAgent: "test")
        try await eventually {
            (try? await http.send(HTTPRequest("GET", peer.url + "/-/ready")))?.status == 200
        }
        return peer
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }
}
