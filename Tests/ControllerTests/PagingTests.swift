import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust
import Testing

@testable import ControllerLibrary

/// What wakes somebody, at a receiver that a pager's message really reaches.
@Suite("Paging")
struct PagingTests {
    /// Hosts that obey, and a pager; until the body ends.
    private func paging(
        _ hosts: Int, plan: String? = nil,
        _ body: (TestFleet, TestClient, TestController.Running, _ pages: @escaping () throws -> [String]) async throws
            ->
            Void
    ) async throws {
        let test = try TestController()
        try await TestScripts.serving("listener.py", in: test.folder.path) { url, lines in
            let sinks = [NotificationSink(name: "pager", kind: .alertmanager, url: url + "/")]
            try Directory.open(test.folder.path).writeDurably(
                NotificationSettings.fileName,
                try JSONCoding.value(of: NotificationSettings(sinks: sinks)).prettyBytes, mode: 0o600)
            try await test.run { running in
                try await eventually { await running.controller.outbox != nil }
                var fleet = TestFleet(test)
                try await fleet.join(hosts, running)
                try await fleet.serving(running) { client in
                    if let plan {
                        try await LifecycleTests().prepare(client, plan: plan)
                    } else {
                        #expect(try await TestFleet.submit("1.1", by: client).status == 201)
                    }
                    try await body(fleet, client, running, lines)
                }
            }
        }
    }

    private func name(_ page: Notice.Page) -> String { "\"alertname\":\"Slipway_\(page.rawValue)\"" }

    @Test("Too many unhealthy hosts in early life support that do not go back by themselves: somebody is called")
    func earlyLife() async throws {
        let plan = LifecycleTests.plan("1.1", earlyLife: "1d").replacing(
            "earlyLife: { for: 1d,", with: "earlyLife: { for: 1d, health: 1s,")
        try await paging(3, plan: plan) { fleet, client, _, pages in
            var definition = try TestFleet.definition("1.1")
            definition.irreversible = "the schema has no way back"
            let view = try await TestFleet.rollOut(definition, by: client)
            #expect(view.state == .succeeded)
            for agent in fleet.agents.dropFirst() { agent.ail("GET /healthz answered 500, expected 200") }
            try await eventually { try pages().contains { $0.contains(name(.earlyLife)) } }
            let heard = try #require(try pages().first { $0.contains(name(.earlyLife)) })
            #expect(heard.contains("2 of 3 hosts turned unhealthy in early life support, 0 allowed"), "\(heard)")
            #expect(heard.contains("\"rollout\":\"\(view.id)\""))
        }
    }

    @Test("A phase goes back alone: whoever runs the revoked release still is named on a page")
    func revoked() async throws {
        try await paging(4) { fleet, client, _, pages in
            for agent in fleet.agents.dropFirst() { agent.become(.fails) }
            let phases = try TestFleet.definition(
                "1.1", .phased([.init(size: .count(1)), .init(size: .percent(100))]))
            let view = try await TestFleet.rollOut(phases, by: client)
            #expect(view.state == .backedOut && fleet.agents[0].running == view.release)
            try await eventually { try pages().contains { $0.contains(name(.revokedRuns)) } }
            let heard = try #require(try pages().first { $0.contains(name(.revokedRuns)) })
            #expect(heard.contains("1 host in staging runs web@1.1, which was revoked: host1."), "\(heard)")
        }
    }

    @Test("A rollout that went back whole leaves nobody on its release, and pages nobody for that")
    func wholly() async throws {
        try await paging(2) { fleet, client, _, pages in
            for agent in fleet.agents { agent.become(.fails) }
            let view = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            #expect(view.state == .backedOut)
            try await eventually {
                try await client.send("GET", "/v1/notifications").json(NotificationsView.self).items.isEmpty
            }
            #expect(try !pages().contains { $0.contains(name(.revokedRuns)) })
        }
    }

    @Test("A back-out that a person gave up is paged: its hosts are between two releases")
    func givenUp() async throws {
        try await paging(2) { fleet, client, _, pages in
            let view = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            #expect(view.state == .succeeded)
            for agent in fleet.agents { agent.become(.stalls) }
            for verb in ["back-out", "pause", "stop"] {
                var request = RolloutVerbRequest(reason: "enough")
                if verb == "back-out" { request.scope = .rollout }
                let answer = try await client.post("/v1/rollouts/\(view.id)/\(verb)", request)
                try #require(answer.status == 200, "\(verb): \(String(decoding: answer.body, as: UTF8.self))")
            }
            try await eventually { try !pages().isEmpty }
            let heard = try pages()
            #expect(heard.count == 1 && heard[0].contains(name(.backOutFailed)), "\(heard)")
            #expect(heard[0].contains("The back-out of web@1.1 was given up"), "\(heard)")
        }
    }

    @Test(
        "A rollout that stopped because nobody attended to its halt is paged once more; one that a person stopped is not"
    )
    func unattended() async throws {
        for code in [StatusReason.Code.unattended, .operatorStopped] {
            try await paging(1) { fleet, client, running, pages in
                fleet.agents[0].become(.hangs)
                let id = try await client.startRollout(TestFleet.definition("1.1")).json(ControllerAPI.RolloutView.self)
                    .id
                let reason = StatusReason(code, "Nobody decided within 24h of the halt: x")
                // As the engine writes it after a day, which no test waits for.
                let at = SystemTime().now()
                for fact in [RolloutFact.stopping(reason: reason), .ended(.stopped(reason))] {
                    let change = RolloutChanged(rollout: id, event: RolloutEvent(at: at, fact))
                    try await running.controller.commit(.rolloutChanged(change), by: "controller", at: at)
                }
                let expiry = MetadataExpiring(role: "last", expiresAt: at, level: .days14)
                try await running.controller.commit(.metadataExpiring(expiry), by: "controller", at: at)
                try await eventually { try pages().contains { $0.contains(name(.expiryNear)) } }
                let heard = try pages().filter { $0.contains(name(.unattended)) }
                #expect(heard.count == (code == .unattended ? 1 : 0), "\(heard)")
            }
        }
    }
}
