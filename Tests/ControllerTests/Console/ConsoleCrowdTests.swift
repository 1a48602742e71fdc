import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// The Python that has selenium and axe-core.
private let browser = ProcessInfo.processInfo.environment["SLIPWAY_TEST_BROWSER"]

/// `SLIPWAY_CONSOLE_SHOTS=FOLDER` keeps pictures of it.
@Suite("The console with ten thousand hosts, and with a month behind it")
struct ConsoleCrowdTests {
    private static let count = 10_000

    /// The record of a fleet that joined: what one real host's joining wrote, again and again.
    private static func fill(_ test: TestController, _ running: TestController.Running) async throws {
        _ = try await TestHost.join(test, running, labels: ["name": "web-0"])
        let controller = running.controller
        let entries = try await controller.store.entries(after: 0, limit: 1000)
        let joined = try #require(
            entries.compactMap { if case .hostJoined(let it) = $0.event { it } else { nil } }.last)
        let events = try (1..<count).map { number in
            var one = joined
            one.host = try HostID("web-\(number)")
            one.labels = ["name": one.host.text, "zone": number.isMultiple(of: 2) ? "a" : "b"]
            one.key = SHA256Digest(of: Array(one.host.text.utf8))
            one.certificate = one.key
            return NewEvent(actor: "test", event: .hostJoined(one))
        }
        try await controller.commit(StoreChange(events: events), at: test.time.now())
    }

    @Test(
        "Home and rollout load in less than 200 KB, and a change shows itself",
        .enabled(if: browser != nil, "scripts/test installs chromium and selenium, and names their Python"))
    func loads() async throws {
        let test = try TestController()
        try await test.run { running in
            try await Self.fill(test, running)
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let phases = RolloutStrategy.phased([
                PhaseDefinition(size: .count(100)), PhaseDefinition(size: .percent(50)),
                PhaseDefinition(size: .percent(100)),
            ])
            let started = try await admin.startRollout(TestFleet.definition("1.0", phases, grace: .hours(4)))
            let id = try started.json(RolloutView.self).id
            let found = try await Self.drive(
                [(name: "home-10000", path: "/"), (name: "rollout-10000", path: "/console/rollouts/\(id)")],
                change: id, test, running)
            for (name, bytes) in found["bytes"]?.objectValue?.map({ ($0.name, $0.value.integerValue ?? 0) }) ?? [] {
                #expect(bytes > 10_000 && bytes < 200_000, "\(name): \(bytes)")
            }
            print("console: 10 000 hosts, \(found)")
            await admin.close()
        }
    }

    /// What the driven browser found on these pages (Harness/browser.py): nothing to complain of.
    static func drive(
        _ pages: [(name: String, path: String)], change: RolloutID? = nil, _ test: TestController,
        _ running: TestController.Running
    ) async throws -> JSONValue {
        let folder = try TemporaryFolder()
        let token = folder.path + "/token"
        try Data(test.adminToken.utf8).write(to: URL(fileURLWithPath: token))
        let shots = ProcessInfo.processInfo.environment["SLIPWAY_CONSOLE_SHOTS"]
        let orders: [String: Any] = [
            "url": "https://127.0.0.1:\(running.port)", "token": token, "folder": folder.path,
            "acts": [], "scriptless": false, "schemes": shots == nil ? ["light"] : ["light", "dark"],
            "change": change?.text ?? "", "shots": shots ?? "",
            "pages": pages.map { ["name": $0.name, "path": $0.path] },
        ]
        try JSONSerialization.data(withJSONObject: orders).write(to: URL(fileURLWithPath: folder.path + "/orders"))
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("EndToEnd/Harness/browser.py").path
        let run = try await LiveProcesses().run(
            ProcessCommand(
                executable: try #require(browser), arguments: [script, folder.path + "/orders"],
                workingDirectory: folder.path, timeout: .seconds(240)))
        #expect(run.end == .exited(0), "\(run.output)")
        let found = try JSONValue(parsing: Array((run.output.split(separator: "\n").last ?? "").utf8))
        #expect(found["violations"] == .array([]))
        #expect(found["complaints"] == .array([]), "\(run.output)")
        return found
    }

    @Test(
        "A month of rollouts, some of which failed, has bars in each of the four charts",
        .enabled(if: browser != nil, "scripts/test installs chromium and selenium, and names their Python"))
    func month() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        func pass(_ span: TimeSpan) { time.setNow(time.now() + span) }
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(2, running)
            try await fleet.serving(running) { admin in
                // Releases go into service where a plan says.
                let plan = ReleasePlanRequest(text: LifecycleTests.plan("9.1"))
                #expect(try await admin.post("/v1/releases/web/9.1/plan", plan).status == 200)
                // No longer than a host's certificate lasts.
                for week in 0..<4 {
                    for turn in 0...week % 3 {
                        let version = "\(week + 1).\(turn)"
                        #expect(try await TestFleet.submit(version, by: admin).status == 201)
                        pass(.hours(Int64(2 + (week * 7 + turn * 3) % 11)))
                        for agent in fleet.agents { agent.become(week % 2 == 1 && turn == 0 ? .fails : .obeys) }
                        _ = try await TestFleet.rollOut(TestFleet.definition(version), by: admin)
                        pass(.hours(Int64(12 + week * 4)))
                    }
                    if week % 2 == 0 {
                        let version = "\(week + 1).\(week % 3).1"
                        #expect(try await TestFleet.submit(version, by: admin).status == 201)
                        _ = try await TestFleet.rollOut(TestFleet.definition(version), by: admin)
                    }
                    pass(.days(5))
                }
            }
            _ = try await Self.drive([(name: "measures-month", path: "/console/measures")], test, running)
            let person = try #require(await running.controller.person(token: test.adminToken))
            let page = try await running.controller.measuresPage(for: person, product: nil)
            let charts = try #require(page.content.model["charts"] as? [[String: Any]])
            let bars = charts.map { ($0["bars"] as? [[String: Any]])?.count ?? 0 }
            #expect(bars.count == 4 && bars.allSatisfy { $0 > 1 }, "\(bars)")
        }
    }
}
