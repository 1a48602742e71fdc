import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Early life support is watched more closely")
struct EarlyLifeTests {
    private static let base = LifecycleTests.base

    @Test("A gate that fails and files that were changed become issues, once, and hold early life support up")
    func watched() async throws {
        let test = try TestController()
        let folder = try ControllerDirectory.open(test.folder.path).directory
        try folder.createDirectory(GateRunner.folderName)
            .writeDurably("errors", Array("#!/bin/sh\necho 7 errors\nexit 1\n".utf8), mode: 0o755)
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(2, running)
            try await fleet.serving(running) { client in
                let policy = PolicyRequest(text: "gates: { errors: { command: [errors] } }\n", reason: "tests")
                let applied = try await client.post("/v1/policy", policy)
                try #require(applied.status < 300, "\(String(decoding: applied.body, as: UTF8.self))")
                let plan = LifecycleTests.plan("1.1", earlyLife: "1d").replacing(
                    "earlyLife: { for: 1d,", with: "earlyLife: { for: 1d, every: 1s, gates: [errors],")
                try await LifecycleTests().prepare(client, plan: plan)
                let product = try ProductName("web")
                for agent in fleet.agents {
                    agent.stand(HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: [product]))
                }
                _ = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
                func view() async throws -> LifecycleView {
                    try await client.send("GET", Self.base + "/lifecycle").json(LifecycleView.self)
                }
                try await eventually { try await view().deviations.count == 2 }
                let issues = try await view().deviations
                #expect(issues.map(\.about) == ["gate:errors", "drift"])
                #expect(issues.allSatisfy { $0.kind == .issue && $0.owner == "web-team" && $0.rollout != nil })
                #expect(issues[0].text.hasSuffix("7 errors"))
                let plans = await running.controller.state.rollouts.values.compactMap(\.plan?.earlyLife)
                #expect(plans == [.days(1)], "the engine watches as long as the plan says")
                let early = try await client.post(Self.base + "/review", ReleaseReviewRequest(conclusion: "well"))
                #expect(try early.json(Problem.self).cause?.contains("issues: open: ") == true)
            }
        }
    }

    @Test(
        "A bake asks its hosts for their health, however short it is: one that is not healthy any more stops the rollout"
    )
    func bake() async throws {
        try await TestFleet.serving(3) { fleet, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let phases = RolloutStrategy.phased([
                PhaseDefinition(size: .count(1), bake: .minutes(1)), PhaseDefinition(size: .percent(100)),
            ])
            let id = try await client.startRollout(TestFleet.definition("1.0", phases)).json(RolloutView.self).id
            let pilot = try #require(fleet.agents.first)
            try await eventually { pilot.running != nil }
            pilot.ail("GET /healthz answered 500, expected 200")
            let view = try await TestFleet.end(of: id, client)
            #expect(view.state == .backedOut && fleet.agents.allSatisfy { $0.running == nil })
        }
    }

    @Test("Hosts are asked for their health in early life; one that is not healthy any more goes back alone")
    func health() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            try await fleet.serving(running) { client in
                let plan = LifecycleTests.plan("1.1", earlyLife: "1d").replacing(
                    "earlyLife: { for: 1d,", with: "earlyLife: { for: 1d, health: 1s,")
                try await LifecycleTests().prepare(client, plan: plan)
                let view = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
                #expect(view.state == .succeeded)
                let agents = fleet.agents
                try await eventually { agents.allSatisfy { $0.healthQuestions > 1 } }
                agents[2].ail("GET /healthz answered 500, expected 200")
                try await eventually { agents[2].orders.last?.order.action == .backOut && agents[2].running == nil }
                #expect(agents[0].running == view.release && agents[1].running == view.release)
                let now = try await client.send("GET", "/v1/rollouts/\(view.id)").json(RolloutView.self)
                #expect(now.state == .succeeded, "the others stay with it")
            }
        }
    }

    @Test("Hosts without the release are asked too; where as many of them turn unhealthy, a person is called, no more")
    func compared() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(6, running)
            try await fleet.serving(running) { client in
                let agents = fleet.agents
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                var definition = try TestFleet.definition("1.0")
                definition.limits.earlyLife = .zero
                let before = try await TestFleet.rollOut(definition, by: client)
                // Is not well before: that says nothing of what happens meanwhile.
                var ill = try #require(agents[5].installed)
                ill.isHealthy = false
                try await agents[5].say(.health(ProductHealth(running: ill, detail: "404")), test, running)
                let plan = LifecycleTests.plan("1.1", earlyLife: "1d").replacing(
                    "earlyLife: { for: 1d,", with: "earlyLife: { for: 1d, health: 1s,")
                try await LifecycleTests().prepare(client, plan: plan)
                #expect(try await Self.unhealthy(client) == 1)
                definition = try TestFleet.definition("1.1")
                definition.hosts = try HostQuery("name in (host1,host2,host3)")
                let view = try await TestFleet.rollOut(definition, by: client)
                #expect(view.state == .succeeded)
                for agent in agents[3...4] { agent.ail("the database does not answer") }
                try await eventually { try await Self.unhealthy(client) == 3 }
                for agent in agents[...1] { agent.ail("the database does not answer") }
                func words() async -> [String] {
                    await running.controller.state.rollouts[view.id]?.changes.map(\.text) ?? []
                }
                try await eventually { await words().contains { $0.contains("look at it: 2 of 3 hosts turned") } }
                #expect(await words().contains { $0.hasSuffix("of 2 hosts without the release 2 did.") })
                try await eventually { agents[...1].allSatisfy { $0.running == before.release } }
                #expect(agents[2].running == view.release, "the rollout stands")
            }
        }
    }

    private static func unhealthy(_ client: TestClient) async throws -> Int {
        try await client.send("GET", "/v1/hosts").json(ListView<HostView>.self).items
            .count { $0.products.contains { !$0.isHealthy } }
    }
}
