import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Notifications")
struct NotificationTests {
    private static let at = UTCInstant(secondsSince1970: 1_700_000_000)

    private func notice(
        _ moment: ReleaseMoment? = .live, page: Notice.Page? = nil, audience: [String] = [], owner: String? = "web-team"
    ) throws -> Notice {
        Notice(
            sequence: 7, at: Self.at, moment: moment, page: page, release: try ReleaseName("web@1.3"),
            rollout: try RolloutID("r1"), environment: try EnvironmentName("production"), text: "web@1.3 is live.",
            audience: audience, owner: owner)
    }

    private func sink(_ kind: NotificationSink.Kind, audience: [String]? = nil, moments: [ReleaseMoment]? = nil)
        -> NotificationSink
    {
        NotificationSink(name: "s", kind: kind, url: "http://127.0.0.1:1/", moments: moments, audience: audience)
    }

    private func body(_ kind: NotificationSink.Kind, _ notice: Notice, secret: String? = nil) throws -> JSONValue {
        let message = Message.make(notice, for: sink(kind), secret: secret, source: "https://c", at: Self.at)
        return try JSONValue(parsing: message.body)
    }

    @Test("HMAC-SHA256 as RFC 4231 has it")
    func hmac() {
        let one = SHA256Digest(authenticating: Array("Hi There".utf8), key: [UInt8](repeating: 0x0B, count: 20))
        #expect(one.hex == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let long = SHA256Digest(
            authenticating: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xAA, count: 131))
        #expect(long.hex == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        // A secret's file may be empty.
        let nothing = SHA256Digest(authenticating: [], key: [])
        #expect(nothing.hex == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test(
        "Of a rollout that halted webhooks and mails say host, step and the last 20 lines of its log; chats host and step"
    )
    func failures() throws {
        let lines = (1...30).map { "line \($0)" }.joined(separator: "\n")
        var halted = try notice(.halted, page: .halted)
        let error = ReportedError(
            code: "agent.hook.failed", summary: "hooks/check ended with 1.", remedy: "See its output.")
        halted.failures = [
            NoticeFailure(try HostID("web-1"), FailureEvidence(step: .starting, error: error, logTail: lines + "\n"))
        ]
        let failure = try #require(try body(.webhook, halted)["data"]?["failures"]?.arrayValue?.first)
        #expect(failure["host"]?.stringValue == "web-1" && failure["step"]?.stringValue == "starting")
        let log = failure["log"]?.stringValue?.split(separator: "\n") ?? []
        #expect(log.count == 20 && log.first == "line 11" && log.last == "line 30")
        let mail = String(
            decoding: Message.make(halted, for: sink(.mail), secret: nil, source: "https://c", at: Self.at).body,
            as: UTF8.self)
        #expect(mail.contains("web-1 failed at starting: agent.hook.failed") && mail.contains("line 30"), "\(mail)")
        let chat = try body(.slack, halted)["text"]?.stringValue ?? ""
        #expect(chat.contains("\nweb-1 failed at starting") && !chat.contains("line 30"), "\(chat)")
        #expect(try body(.webhook, notice())["data"]?["failures"] == nil)
    }

    @Test("What a host says calls nobody in a chat, hides no link, forges no line, and is bounded")
    func chats() throws {
        var halted = try notice(.halted, page: .halted)
        func say(_ words: String) throws {
            let error = ReportedError(code: "agent.hook.failed", summary: words, remedy: "r")
            let evidence = FailureEvidence(step: .starting, error: error, logTail: "")
            halted.failures = try ["web-1", "web-2", "web-3"].map { NoticeFailure(try HostID($0), evidence) }
        }
        func text(_ kind: NotificationSink.Kind) throws -> String { try body(kind, halted)["text"]?.stringValue ?? "" }
        try say(
            "<!channel> <https://evil.example|our page> @channel *a* [b](https://evil.example)\r\nweb is live &lt; \u{202E}"
        )
        let slack = try text(.slack)
        #expect(slack.contains("&lt;!channel&gt; &lt;https://evil.example|our page&gt; @channel *a*"), "\(slack)")
        #expect(slack.contains("&amp;lt;"))
        #expect(try body(.slack, halted)["mrkdwn"] == .bool(false))
        for kind in [NotificationSink.Kind.mattermost, .teams] {
            let words = try text(kind)
            #expect(words.contains(#"&lt;!channel&gt; &lt;https://evil.example\|our page&gt;"#), "\(words)")
            #expect(words.contains("@\u{200B}channel") && words.contains(#"\*a\* \[b\](https"#), "\(words)")
        }
        for kind in [NotificationSink.Kind.slack, .mattermost, .teams] {
            let lines = try text(kind).split(separator: "\n")
            #expect(lines.count == 4 && lines[0].hasPrefix("web@1.3 is live"), "\(lines)")
            #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("web-") && !$0.unicodeScalars.contains("\u{202E}") })
        }
        // A letter of many accents is one for whoever counts letters.
        for words in [String(repeating: "&", count: 4000), "e" + String(repeating: "\u{0301}", count: 4000)] {
            try say(words)
            halted.text = words
            for kind in [NotificationSink.Kind.slack, .mattermost, .teams] {
                let bytes = try body(kind, halted)["text"]?.stringValue?.utf8.count ?? 0
                #expect(bytes > 1000 && bytes < 16_000, "\(kind): \(bytes)")
            }
            #expect(try body(.opsgenie, halted)["message"]?.stringValue?.utf8.count ?? 999 <= 130)
            let duty = try body(.pagerduty, halted, secret: "key")["payload"]
            #expect(duty?["summary"]?.stringValue?.utf8.count ?? 9999 <= 1024)
        }
    }

    @Test("Each kind of sink gets the form that it takes")
    func forms() throws {
        let event = try body(.webhook, notice(audience: ["desk"]), secret: "s")
        #expect(event["specversion"]?.stringValue == "1.0" && event["id"]?.stringValue == "7")
        #expect(event["type"]?.stringValue == "slipway.release.live")
        #expect(
            event["data"]?["release"]?.stringValue == "web@1.3.0" || event["data"]?["release"]?.stringValue == "web@1.3"
        )
        #expect(try body(.slack, notice())["text"]?.stringValue == "web@1.3 is live.")
        #expect(try body(.mattermost, notice())["text"]?.stringValue == "web@1.3 is live.")
        #expect(try body(.teams, notice())["@type"]?.stringValue == "MessageCard")
        let halted = try notice(.halted, page: .halted)
        let alert = try body(.alertmanager, halted).arrayValue?.first
        #expect(alert?["labels"]?["alertname"]?.stringValue == "Slipway_halted")
        #expect(alert?["labels"]?["owner"]?.stringValue == "web-team")
        let duty = try body(.pagerduty, halted, secret: "key")
        #expect(duty["routing_key"]?.stringValue == "key" && duty["dedup_key"]?.stringValue == "r1/halted")
        #expect(try body(.opsgenie, halted)["responders"]?.arrayValue?.first?["name"]?.stringValue == "web-team")
    }

    @Test("A mail's head holds what was meant, and a line feed in a text begins no other header")
    func mail() throws {
        var evil = try notice()
        evil.text = "one\nBcc: everybody@example.com"
        let sink = NotificationSink(
            name: "m", kind: .mail, to: ["desk@example.com"], from: "slipway@example.com")
        let text = String(
            decoding: Message.make(evil, for: sink, secret: nil, source: "", at: Self.at).body, as: UTF8.self)
        let head = text.components(separatedBy: "\n\n")[0]
        #expect(head.contains("To: desk@example.com"))
        #expect(!head.contains("\nBcc:"))
    }

    @Test("Pagers hear of what cannot wait, others of moments; several groups of one sink are one message")
    func audiences() throws {
        #expect(sink(.webhook).wants(try notice()))
        #expect(!sink(.webhook, moments: [.closed]).wants(try notice()))
        #expect(sink(.mail, audience: ["desk", "shop"]).wants(try notice(audience: ["desk", "shop"])))
        #expect(!sink(.mail, audience: ["desk"]).wants(try notice(audience: ["shop"])))
        #expect(!sink(.pagerduty).wants(try notice()))
        #expect(sink(.pagerduty).wants(try notice(nil, page: .expiryNear)))
        #expect(!sink(.webhook).wants(try notice(nil, page: .expiryNear)))
        var other = sink(.opsgenie)
        other.owner = "db-team"
        #expect(!other.wants(try notice(.halted, page: .halted)))
    }

    @Test("A letter that fails waits longer each time, holds its sink's later ones, and is given up in the end")
    func outbox() {
        var outbox = NotificationOutbox(cursor: 9)
        for (sink, sequence) in [("a", 1), ("a", 2), ("b", 1)] {
            outbox.pending.append(.init(sink: sink, sequence: Int64(sequence), nextAt: Self.at))
        }
        #expect(outbox.due(at: Self.at).map(\.sink) == ["a", "b"])
        var now = Self.at
        var waits: [TimeSpan] = []
        for _ in 0..<NotificationOutbox.attemptsMax {
            guard let letter = outbox.due(at: now).first(where: { $0.sink == "a" && $0.sequence == 1 }) else { break }
            outbox.fail(letter, "no", at: now)
            guard let next = outbox.pending.first(where: { $0.sink == "a" && $0.sequence == 1 })?.nextAt else { break }
            waits.append(next.since(now))
            #expect(!outbox.due(at: now).contains { $0.sink == "a" })
            now = next
        }
        #expect(waits.prefix(4) == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        #expect(waits.last == .minutes(5))
        #expect(outbox.dead.map(\.sequence) == [1])
        #expect(outbox.due(at: now).map(\.sequence) == [2, 1])
        #expect(outbox.replay(sink: "b", at: now) == 0)
        #expect(outbox.replay(sink: nil, at: now) == 1)
        #expect(outbox.due(at: now).first?.sequence == 1 && outbox.dead.isEmpty)
        // What is refused as it stands holds nothing up.
        let refused = NotificationOutbox.Letter(sink: "a", sequence: 1, nextAt: now)
        outbox.refuse(refused, "it answered 400")
        #expect(outbox.dead.map(\.sequence) == [1] && outbox.dead.first?.lastError == "it answered 400")
        #expect(!outbox.pending.contains { $0.sink == "a" && $0.sequence == 1 })
    }

    private func configure(_ test: TestController, _ settings: NotificationSettings) throws {
        let folder = try Directory.open(test.folder.path)
        try folder.writeDurably(
            NotificationSettings.fileName, try JSONCoding.value(of: settings).prettyBytes, mode: 0o600)
    }

    @Test("Every notification of a scripted rollout arrives exactly once at a real sink that fails half the time")
    func exactlyOnce() async throws { try await play(isKilledAmid: false) }

    @Test("A controller that is killed amid deliveries loses none; what was on its way comes again under its id")
    func killedAmid() async throws { try await play(isKilledAmid: true) }

    private func play(isKilledAmid: Bool) async throws {
        let test = try TestController()
        let folder = test.folder.path
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Support/sink.py")
        let processes = LiveProcesses()
        let sink = try processes.startService(
            ProcessCommand(
                executable: "/usr/bin/python3",
                arguments: [script.path, folder + "/port", folder + "/taken", "secret"],
                workingDirectory: "/", timeout: .minutes(5)), log: folder + "/sink.log")
        let directory = try Directory.open(folder)
        do {
            try await eventually { try directory.status("port") != nil }
            let port = String(decoding: try directory.read("port", sizeMax: ByteCount(10)), as: UTF8.self)
            try directory.writeDurably("webhook.secret", Array("secret\n".utf8), mode: 0o600)
            try directory.writeDurably(
                "sendmail", Array("#!/bin/sh\ncat >> \"\(folder)/mails\"\n".utf8), mode: 0o755)
            try configure(
                test,
                NotificationSettings(
                    sinks: [
                        NotificationSink(
                            name: "hook", kind: .webhook, url: "http://127.0.0.1:\(port)/", secretFile: "webhook.secret"
                        ),
                        NotificationSink(
                            name: "mail", kind: .mail, to: ["desk@example.com"], sendmail: folder + "/sendmail",
                            moments: [.live]),
                    ]))
            try await play(test, directory, isKilledAmid: isKilledAmid)
        } catch {
            try? await processes.stopService(sink, grace: .seconds(1))
            throw error
        }
        try await processes.stopService(sink, grace: .seconds(1))
    }

    /// One rollout that goes well and one that is backed out, with a restart of the controller between them.
    private func play(_ test: TestController, _ directory: Directory, isKilledAmid: Bool) async throws {
        func taken() throws -> [[Substring]] {
            let bytes = try directory.readIfPresent("taken", sizeMax: ByteCount(1 << 20)) ?? []
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
        }
        /// As many have arrived, and none is on its way or will be.
        func settled(_ count: Int, _ client: TestClient) async throws {
            try await eventually {
                let left = try await client.send("GET", "/v1/notifications").json(NotificationsView.self).items
                return try Set(taken().map { $0[0] }).count >= count && left.isEmpty
            }
        }
        var fleet = TestFleet(test)
        try await test.run { running in
            try await eventually { await running.controller.outbox != nil }
            try await fleet.join(2, running)
            try await fleet.serving(running) { client in
                let plan = LifecycleTests.plan("1.1").replacing("environment: staging", with: "environment: production")
                #expect(
                    try await client.post("/v1/releases/web/1.1/plan", ReleasePlanRequest(text: plan)).status == 200)
                #expect(try await TestFleet.submit("1.1", by: client).status == 201)
                _ = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
                if !isKilledAmid { try await settled(2, client) }
            }
        }
        try await test.run { running in
            for agent in fleet.agents { agent.become(.fails) }
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.2", by: client).status == 201)
                let view = try await TestFleet.rollOut(TestFleet.definition("1.2"), by: client)
                #expect(view.state == .backedOut)
                try await settled(5, client)
            }
        }
        var ids: Set<Substring> = []
        let all = try taken()
        let lines = all.filter { ids.insert($0[0]).inserted }
        #expect(all.count - lines.count <= (isKilledAmid ? 1 : 0), "what comes twice: \(all)")
        #expect(lines.allSatisfy { $0[2] == "True" && $0[3] == "1.0" })
        #expect(
            lines.map { String($0[1]) } == [
                "slipway.release.started", "slipway.release.phaseDone", "slipway.release.started",
                "slipway.release.halted", "slipway.release.backedOut",
            ])
    }
}
