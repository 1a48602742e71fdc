import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Notifications at real receivers")
struct NotificationDeliveryTests {
    private func configure(_ test: TestController, _ settings: NotificationSettings) throws {
        try Directory.open(test.folder.path).writeDurably(
            NotificationSettings.fileName, try JSONCoding.value(of: settings).prettyBytes, mode: 0o600)
    }

    private func isEmpty(_ client: TestClient) async throws -> Bool {
        try await client.send("GET", "/v1/notifications").json(NotificationsView.self).items.isEmpty
    }

    @Test("A mail goes through the host's sendmail as cron's does, to those concerned, and again where it is put off")
    func mail() async throws {
        let test = try TestController()
        let folder = test.folder.path
        let script = """
            #!/bin/sh
            if ! [ -e "\(folder)/tried" ]; then touch "\(folder)/tried"; echo later; exit 75; fi
            { echo "$@"; cat; } >> "\(folder)/mails"
            """
        let directory = try Directory.open(folder)
        try directory.writeDurably("sendmail", Array((script + "\n").utf8), mode: 0o755)
        try configure(
            test,
            NotificationSettings(sinks: [
                NotificationSink(
                    name: "shop", kind: .mail, to: ["shop@example.com", "desk@example.com"],
                    from: "slipway@example.com",
                    sendmail: folder + "/sendmail", audience: ["shop"]),
                NotificationSink(
                    name: "others", kind: .mail, to: ["others@example.com"], sendmail: folder + "/sendmail",
                    audience: ["others"]),
            ]))
        try await test.run { running in
            try await eventually { await running.controller.outbox != nil }
            let client = try TestClient(test, running, token: test.adminToken)
            try await LifecycleTests().prepare(client)
            func mails() throws -> String {
                String(
                    decoding: try directory.readIfPresent("mails", sizeMax: ByteCount(1 << 20)) ?? [], as: UTF8.self)
            }
            try await eventually { try mails().contains("The record: slipway release checklist") }
            let text = try mails()
            #expect(text.hasPrefix("-i -t\nFrom: slipway@example.com\nTo: shop@example.com, desk@example.com\n"))
            #expect(text.contains("Subject: [slipway] web@1.1 is scheduled from 2020-01-01T00:00:00Z"))
            #expect(text.components(separatedBy: "Subject:").count == 2, "once, and nobody else is told")
            await client.close()
        }
    }

    @Test("A sink that does not answer holds up nobody else's message")
    func apart() async throws {
        let test = try TestController()
        let directory = try Directory.open(test.folder.path)
        try directory.writeDurably("hangs", Array("#!/bin/sh\nexec sleep 300\n".utf8), mode: 0o755)
        try await TestScripts.serving("listener.py", in: test.folder.path) { url, lines in
            try configure(
                test,
                NotificationSettings(sinks: [
                    NotificationSink(
                        name: "a", kind: .mail, to: ["a@example.com"], sendmail: test.folder.path + "/hangs"),
                    NotificationSink(name: "b", kind: .webhook, url: url + "/b"),
                ]))
            try await test.run { running in
                try await eventually { await running.controller.outbox != nil }
                let client = try TestClient(test, running, token: test.adminToken)
                try await LifecycleTests().prepare(client)
                try await eventually { try !lines().isEmpty }
                let waiting = try await client.send("GET", "/v1/notifications").json(NotificationsView.self)
                // Both were told of, and of the first nothing has ended yet.
                #expect(waiting.items.contains { $0.sink == "a" && $0.attempts == 0 })
                await client.close()
            }
        }
    }

    @Test("The dead-man signal comes again and again as long as messages are delivered")
    func deadMan() async throws {
        let test = try TestController()
        try await TestScripts.serving("listener.py", in: test.folder.path) { url, lines in
            try configure(
                test,
                NotificationSettings(sinks: [], deadMan: DeadManSignal(url: url + "/alive", every: .milliseconds(1))))
            try await test.run { _ in
                try await eventually { try lines().count >= 3 }
            }
            #expect(try lines().allSatisfy { $0 == "/alive " })
        }
    }

    @Test("A page is escalated only where the trouble is still there; each pager gets its own form")
    func escalation() async throws {
        let test = try TestController()
        try await TestScripts.serving("listener.py", in: test.folder.path) { url, lines in
            var first = NotificationSink(name: "first", kind: .alertmanager, url: url + "/first")
            first.escalateAfter = .milliseconds(1)
            var second = NotificationSink(name: "second", kind: .opsgenie, url: url + "/second")
            second.escalateAfter = .seconds(10)
            let other = NotificationSink(name: "other", kind: .pagerduty, url: url + "/other", owner: "db-team")
            try configure(test, NotificationSettings(sinks: [first, second, other]))
            let gates = try Directory.open(test.folder.path).createDirectory(GateRunner.folderName)
            try gates.writeDurably("never", Array("#!/bin/sh\nexit 1\n".utf8), mode: 0o755)
            try await test.run { running in
                try await eventually { await running.controller.outbox != nil }
                var fleet = TestFleet(test)
                try await fleet.join(2, running)
                try await fleet.serving(running) { client in
                    let policy = PolicyRequest(text: "gates: { never: { command: [never] } }\n", reason: "tests")
                    #expect(try await client.post("/v1/policy", policy).status == 201)
                    #expect(try await TestFleet.submit("1.1", by: client).status == 201)
                    let phases = try TestFleet.definition(
                        "1.1",
                        .phased([.init(size: .count(1), gates: [GateName("never")]), .init(size: .percent(100))]))
                    let rollout = try await client.startRollout(phases).json(RolloutView.self)
                    try await eventually { try !lines().isEmpty }
                    let abort = RolloutVerbRequest(reason: "seen to")
                    #expect(try await client.post("/v1/rollouts/\(rollout.id)/abort", abort).status == 200)
                    try await eventually { try await isEmpty(client) }
                }
            }
            let heard = try lines()
            #expect(heard.count == 1 && heard[0].hasPrefix("/first [{"), "\(heard)")
            #expect(heard[0].contains("\"alertname\":\"Slipway_halted\""))
        }
    }

    @Test("An outside CMDB gets each baseline with all its items, and nothing else")
    func cmdb() async throws {
        let test = try TestController()
        try await TestScripts.serving("listener.py", in: test.folder.path) { url, lines in
            try configure(
                test,
                NotificationSettings(sinks: [NotificationSink(name: "cmdb", kind: .cmdb, url: url + "/items")]))
            try await test.run { running in
                try await eventually { await running.controller.outbox != nil }
                var fleet = TestFleet(test)
                try await fleet.join(1, running)
                try await fleet.serving(running) { client in
                    try await LifecycleTests().prepare(client)
                    _ = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
                    try await eventually { try lines().count == 3 }
                    try await eventually { try await isEmpty(client) }
                }
            }
            let bodies = try lines().map { try JSONValue(parsing: Array($0.dropFirst("/items ".count).utf8)) }
            #expect(bodies.allSatisfy { $0["type"]?.stringValue == "slipway.cmdb.baseline" })
            // By hand, before the rollout, after it.
            #expect(bodies.map { $0["data"]?["baseline"]?.stringValue } == ["before", "before", "after"])
            let items = bodies.map { $0["data"]?["items"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? [] }
            #expect(items.last == ["host:host1", "service:web", "unit:host1/web"])
            #expect(items.first == ["host:host1", "service:web"])
        }
    }
}
