import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Freeze now")
struct FreezeTests {
    /// The pilot is watched for an hour: the rollout stands where nothing but a person moves it.
    private static let watched = RolloutStrategy.phased([
        PhaseDefinition(size: .count(1), bake: .hours(1)), PhaseDefinition(size: .percent(100)),
    ])

    private func freeze(_ client: TestClient, _ request: FreezeRequest) async throws -> FreezeView {
        let answer = try await client.post("/v1/freezes", request)
        try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        return try answer.json(FreezeView.self)
    }

    private func begin(_ definition: RolloutDefinition, _ client: TestClient) async throws -> RolloutID {
        let answer = try await client.startRollout(definition)
        try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        return try answer.json(RolloutView.self).id
    }

    private func state(of id: RolloutID, _ client: TestClient) async throws -> RolloutState {
        try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).state
    }

    @Test("It halts what is under way, and nothing starts or goes on until it is lifted; both stand in the log")
    func halts() async throws {
        try await TestFleet.serving(3) { fleet, client, running in
            for version in ["1.0", "1.1"] { #expect(try await TestFleet.submit(version, by: client).status == 201) }
            let id = try await begin(TestFleet.definition("1.0", Self.watched), client)
            try await eventually { fleet.agents.contains { $0.running != nil } }
            #expect(try await client.post("/v1/freezes", FreezeRequest(reason: " ")).status == 400)
            let view = try await freeze(client, FreezeRequest(reason: "the site is on fire"))
            #expect(view.rollouts == [id])
            #expect(view.isStanding && view.by.hasPrefix("person:"))
            #expect(try await state(of: id, client) == .halted)
            let why = try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).reason
            #expect(why == "freeze f1: the site is on fire (by person:admin)")
            for verb in ["resume", "promote"] {
                let answer = try await client.post("/v1/rollouts/\(id)/\(verb)", RolloutVerbRequest(reason: "go on"))
                #expect(answer.status == 423)
                #expect(answer.problemCode == "controller.policy.freeze")
            }
            #expect(try await state(of: id, client) == .halted)
            let stop = RolloutVerbRequest(reason: "another one")
            #expect(try await client.post("/v1/rollouts/\(id)/abort", stop).status == 200)
            let planned = try await client.post("/v1/rollouts/plans", TestFleet.definition("1.1"))
            let plan = try planned.json(RolloutPlanView.self)
            #expect(plan.warnings.contains { $0.contains("freeze f1: frozen since") })
            let refused = try await client.startRollout(TestFleet.definition("1.1"))
            #expect(refused.status == 423)
            let problem = try refused.json(Problem.self)
            #expect(problem.code == "controller.policy.freeze")
            #expect(problem.cause?.hasPrefix("freeze f1: frozen since ") == true)
            let lifted = try await client.post("/v1/freezes/f1/lift", ReasonRequest(reason: "it is out"))
            #expect(try lifted.json(FreezeView.self).liftReason == "it is out")
            #expect(try await client.post("/v1/freezes/f1/lift", ReasonRequest(reason: "again")).status == 409)
            #expect(try await client.post("/v1/freezes/f9/lift", ReasonRequest(reason: "x")).status == 404)
            #expect(try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client).state == .succeeded)
            let actions = try await running.controller.store.entries(after: 0, limit: 1000).filter {
                $0.event.object == "freeze:f1"
            }
            #expect(actions.map(\.event.action) == ["freeze.declared", "freeze.lifted"])
            #expect(actions.allSatisfy { $0.actor.hasPrefix("person:") })
        }
    }

    @Test("A back-out goes on through a freeze, and an emergency goes past it and says so in the log")
    func backOutAndEmergency() async throws {
        try await TestFleet.serving(3) { fleet, client, running in
            for version in ["1.0", "2.0", "2.0.1"] {
                #expect(try await TestFleet.submit(version, by: client).status == 201)
            }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            let id = try await begin(TestFleet.definition("2.0", Self.watched), client)
            try await eventually { fleet.agents.contains { $0.running?.version.text == "2.0" } }
            _ = try await freeze(client, FreezeRequest(reason: "stop"))
            let back = RolloutVerbRequest(reason: "it is this one", scope: .rollout)
            #expect(try await client.post("/v1/rollouts/\(id)/back-out", back).status == 200)
            #expect(try await TestFleet.end(of: id, client).state == .backedOut)
            #expect(fleet.agents.allSatisfy { $0.running?.version.text == "1.0" })
            let push = EmergencyPushRequest(release: try ReleaseName("web@2.0.1"), reason: "the cure", hosts: .all)
            let pushed = try await client.post("/v1/emergency-pushes", push)
            #expect(pushed.status == 201)
            #expect(try await TestFleet.end(of: pushed.json(RolloutView.self).id, client).state == .succeeded)
            let passed = try await running.controller.store.entries(after: 0, limit: 1000).compactMap { entry in
                if case .policyPassedOver(let it) = entry.event { it.refusals.map(\.path) } else { nil }
            }
            #expect(passed == [["freeze f1"]])
        }
    }

    @Test("It holds what it names: an environment, a product, or the rollouts that touch some hosts")
    func scopes() async throws {
        try await TestFleet.serving(2) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            _ = try await freeze(
                client, FreezeRequest(reason: "there", environment: try EnvironmentName("production")))
            let shop = try TestFleet.archive(version: "1.0") {
                $0.replacing("product: web", with: "product: shop").replacing("/opt/web", with: "/opt/shop")
            }
            #expect(try await TestFleet.submit(archive: shop, by: client).status == 201)
            _ = try await freeze(client, FreezeRequest(reason: "other", product: try ProductName("shop")))
            let one = try await freeze(client, FreezeRequest(reason: "one host", hosts: try HostQuery("name=host2")))
            #expect(one.hostCount == 1)
            var definition = try TestFleet.definition("1.0")
            let refused = try await client.startRollout(definition)
            #expect(try refused.json(Problem.self).cause?.contains("one host") == true)
            definition.hosts = try HostQuery("name=host1")
            #expect(try await TestFleet.rollOut(definition, by: client).state == .succeeded)
            let nowhere = FreezeRequest(reason: "x", environment: try EnvironmentName("lab"))
            let answer = try await client.post("/v1/freezes", nowhere)
            #expect(answer.status == 404 && answer.problemCode == "controller.request.environment")
            let nothing = try await client.post("/v1/freezes", FreezeRequest(reason: "x", product: ProductName("wbe")))
            #expect(nothing.status == 404)
            #expect(try nothing.json(Problem.self).detail == "There is no product wbe, there are shop, web.")
            let why = try await client.send("GET", "/v1/hosts/host2/why?release=web@1.0").json(RolloutWhyView.self)
            #expect(why.reasons.map(\.what).contains("freeze"))
            let free = try await client.send("GET", "/v1/hosts/host1/why?release=web@1.0").json(RolloutWhyView.self)
            #expect(!free.reasons.map(\.what).contains("freeze"))
        }
    }

    @Test("A host that comes late to a rollout that is over waits for the lift, and then catches up")
    func lateHost() async throws {
        try await TestFleet.serving(1) { fleet, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            _ = try await freeze(client, FreezeRequest(reason: "not now"))
            let late = TestAgent(try await TestHost.join(fleet.test, running, labels: ["name": "late"]))
            let task = late.serve(fleet.test, running)
            try await eventually { running.controller.hub.isOnline(late.host.id) }
            let agent = try late.host.client(fleet.test, running)
            let inventory = HostInventory(
                agentVersion: SlipwayVersion.text, machineID: "late", delivery: .push, installed: [])
            let report = HostReport(sequence: 1, at: SystemTime().now(), body: .inventory(inventory))
            #expect(try await agent.post("/v1/agent/reports", HostReportBatch(reports: [report])).status == 200)
            #expect(late.orders.isEmpty)
            #expect(try await client.post("/v1/freezes/f1/lift", ReasonRequest(reason: "now")).status == 200)
            try await eventually { late.orders.count == 1 }
            await agent.close()
            task.cancel()
        }
    }

    @Test("Whoever the policy lets set freezes aside does so for one release; the policy's own freezes are listed too")
    func override() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let text = """
                freezes:
                  - { from: "2080-01-01T00:00:00Z", until: "2090-01-01T00:00:00Z", reason: later }
                overrides: { freeze: [admin] }
                """
            let applied = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
            #expect(applied.status == 201)
            _ = try await freeze(client, FreezeRequest(reason: "now"))
            let list = try await client.send("GET", "/v1/freezes").json(ListView<FreezeView>.self)
            #expect(list.items.map(\.id) == ["f1", "policy.yaml:2:5"])
            #expect(list.items.map(\.isStanding) == [true, false])
            let definition = try TestFleet.definition("1.0")
            #expect(try await client.startRollout(definition).status == 423)
            let request = PolicyOverrideRequest(
                release: definition.release, environment: definition.environment, rules: [.freeze], reason: "agreed",
                valid: .hours(1))
            #expect(try await client.post("/v1/policy/overrides", request).status == 201)
            #expect(try await TestFleet.rollOut(definition, by: client).state == .succeeded)
        }
    }

    @Test("It outlives a restart, and who may deploy in one place freezes nothing else")
    func restartAndScope() async throws {
        let test = try TestController()
        let token = try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let grant = GrantRequest(
                person: "ops", set: "operator", product: nil, environment: try EnvironmentName("staging"), hosts: nil)
            #expect(try await admin.post("/v1/grants", grant).status == 201)
            let token = try await TokenTests.person("ops", [], admin).token
            let client = try TestClient(test, running, token: token)
            let wide = try await client.post("/v1/freezes", FreezeRequest(reason: "all"))
            #expect(wide.problemCode == "controller.access.scope")
            let here = FreezeRequest(reason: "here", environment: try EnvironmentName("staging"))
            #expect(try await client.post("/v1/freezes", here).status == 201)
            #expect(try await admin.post("/v1/freezes", FreezeRequest(reason: "all")).status == 201)
            await admin.close()
            await client.close()
            return token
        }
        try await test.run { running in
            let client = try TestClient(test, running, token: token)
            let list = try await client.send("GET", "/v1/freezes").json(ListView<FreezeView>.self)
            #expect(list.items.map(\.isStanding) == [true, true])
            let reason = ReasonRequest(reason: "over")
            #expect(try await client.post("/v1/freezes/f2/lift", reason).problemCode == "controller.access.scope")
            #expect(try await client.post("/v1/freezes/f1/lift", reason).status == 200)
            await client.close()
        }
    }
}
