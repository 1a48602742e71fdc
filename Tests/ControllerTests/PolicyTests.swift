import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The policy on the controller")
struct PolicyTests {
    static let frozen = """
        environments:
          staging: { strategies: [bigBang] }
          production: { after: staging }
        freezes:
          - { from: "2020-01-01T00:00:00Z", until: "2090-01-01T00:00:00Z", reason: nothing moves }
        overrides: { freeze: [admin] }
        """

    private func apply(_ text: String, _ client: TestClient) async throws -> HTTPResponse {
        try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
    }

    @Test("A policy is a numbered version in the log, outlives a restart, and the same text again changes nothing")
    func versions() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await client.send("GET", "/v1/policy").status == 404)
            #expect(try await apply("numbering: { major: N.0 }\n", client).status == 201)
            #expect(try await apply("numbering: { major: N.0 }\n", client).json(PolicyView.self).version == 1)
            #expect(try await apply("earlyLife: { major: 7d }\n", client).json(PolicyView.self).version == 2)
            await client.close()
        }
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let list = try await client.send("GET", "/v1/policy/versions").json(ListView<PolicyView>.self)
            #expect(list.items.map(\.version) == [1, 2])
            let first = try await client.send("GET", "/v1/policy/versions/1").json(PolicyView.self)
            #expect(first.text == "numbering: { major: N.0 }\n")
            #expect(try await client.send("GET", "/v1/policy/versions/3").status == 404)
            await client.close()
        }
    }

    @Test("A policy that is malformed, or does not fit the controller, is refused with its lines and changes nothing")
    func unfit() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            let malformed = try await apply("windows: { nights: { opens: never, for: 1h } }\n", client)
            #expect(malformed.status == 422)
            #expect(malformed.problemCode == "definitionFiles.invalid")
            let text = """
                environments: { lab: }
                windows: { nights: { opens: "22:00", for: 1h, zone: Europe/Atlantis } }
                overrides: { window: [king] }
                """
            let unfit = try await apply(text, client)
            #expect(unfit.status == 422)
            let problem = try unfit.json(Problem.self)
            #expect(problem.code == "controller.policy.unfit")
            let lines = try #require(problem.cause).split(separator: "\n")
            #expect(lines.map { $0.prefix(14) } == ["policy.yaml:1:", "policy.yaml:3:", "policy.yaml:2:"])
            #expect(try await client.send("GET", "/v1/policy").status == 404)
        }
    }

    @Test("A release whose number the policy does not allow is not taken in")
    func numbering() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await apply("numbering: { major: N.0, gaps: refused }\n", client).status == 201)
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let gap = try await TestFleet.submit("3.0", by: client)
            #expect(gap.status == 422)
            #expect(gap.problemCode == "controller.policy.numbering")
            #expect(String(decoding: gap.body, as: UTF8.self).contains("policy.yaml:1:26: numbering.gaps"))
            #expect(try await client.send("GET", "/v1/releases/web/3.0").status == 404)
            // The same release again is no new one.
            #expect(try await TestFleet.submit("1.0", by: client).status == 200)
            #expect(try await TestFleet.submit("2.0", by: client).status == 201)
        }
    }

    @Test("A rollout that a freeze holds starts once a person with the right sets the rule aside, with a reason")
    func freeze() async throws {
        try await TestFleet.serving(1) { _, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            #expect(try await apply(Self.frozen, client).status == 201)
            let definition = try TestFleet.definition("1.0")
            let refused = try await client.startRollout(definition)
            #expect(refused.status == 423)
            #expect(refused.problemCode == "controller.policy.freeze")
            #expect(String(decoding: refused.body, as: UTF8.self).contains("policy.yaml:5:5: freezes[0]: frozen until"))
            let other = PolicyOverrideRequest(
                release: definition.release, environment: try EnvironmentName("production"), rules: [.freeze],
                reason: "elsewhere", valid: .hours(1))
            #expect(try await client.post("/v1/policy/overrides", other).status == 201)
            #expect(try await client.startRollout(definition).status == 423)
            var request = other
            request.environment = definition.environment
            #expect(try await client.post("/v1/policy/overrides", request).status == 201)
            let view = try await TestFleet.rollOut(definition, by: client)
            #expect(view.state == .succeeded)
            let overrides = try await client.send("GET", "/v1/policy/overrides").json(
                ListView<PolicyOverrideView>.self)
            #expect(overrides.items.map(\.reason) == ["elsewhere", "elsewhere"])
            #expect(overrides.items.allSatisfy { $0.by.hasPrefix("person:") })
            #expect(await running.controller.state.policy.overrides.count == 2)
        }
    }

    @Test("Nobody sets aside a rule that the policy gives to nobody, or to others")
    func overrideRights() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            let text = Self.frozen.replacing("freeze: [admin]", with: "freeze: [emergency]")
            #expect(try await apply(text, client).status == 201)
            for rule in [PolicyRule.freeze, .window] {
                let request = PolicyOverrideRequest(
                    release: try ReleaseName("web@1.0"), environment: try EnvironmentName("staging"), rules: [rule],
                    reason: "please", valid: .hours(1))
                let refused = try await client.post("/v1/policy/overrides", request)
                #expect(refused.status == 403)
                #expect(refused.problemCode == "controller.access.override")
            }
        }
    }

    @Test("A strategy that is not allowed is refused when it is planned; time does not cure it")
    func strategy() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            #expect(try await apply("environments: { staging: { strategies: [phased] } }\n", client).status == 201)
            let definition = try TestFleet.definition("1.0")
            for path in ["/v1/rollouts/plans", "/v1/rollouts"] {
                let refused = try await client.post(path, definition)
                #expect(refused.status == 422)
                #expect(refused.problemCode == "controller.policy.strategy")
            }
        }
    }

    @Test("A release goes to the next environment after it was rolled out in the one before")
    func order() async throws {
        try await TestFleet.serving(1) { _, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            #expect(
                try await apply("environments: { staging: , production: { after: staging } }\n", client).status == 201)
            let promotion = PromotionRequest(environment: try EnvironmentName("production"))
            #expect(try await client.post("/v1/releases/web/1.0/promote", promotion).status == 200)
            var definition = try TestFleet.definition("1.0")
            definition.environment = try EnvironmentName("production")
            let early = try await client.post("/v1/rollouts", definition)
            #expect(early.status == 423)
            #expect(early.problemCode == "controller.policy.after")
            #expect(try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).state == .succeeded)
            // No host is there, but the policy has nothing against it any more.
            #expect(try await client.startRollout(definition).problemCode?.hasPrefix("rollout.plan.") == true)
        }
    }

    @Test("A second rollout within the cadence is refused; an emergency goes past it, and the log says past what")
    func cadenceAndEmergency() async throws {
        try await TestFleet.serving(1) { _, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            #expect(try await TestFleet.submit("1.1", by: client).status == 201)
            let text = "environments: { staging: { cadence: { atMost: 1, within: 7d } } }\n"
            #expect(try await apply(text, client).status == 201)
            #expect(try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).state == .succeeded)
            // The plan says what its start is refused for, and is made: time cures it.
            let planned = try await client.post("/v1/rollouts/plans", TestFleet.definition("1.1"))
            #expect(planned.status == 201)
            let warning = try #require(planned.json(RolloutPlanView.self).warnings.last)
            #expect(warning.hasPrefix("A start now is refused (controller.policy.cadence): policy.yaml:1:"))
            let second = try await client.startRollout(TestFleet.definition("1.1"))
            #expect(second.status == 423)
            #expect(second.problemCode == "controller.policy.cadence")
            let emergency = EmergencyPushRequest(
                release: try ReleaseName("web@1.1"), reason: "it burns", hosts: .all,
                environment: try EnvironmentName("staging"))
            let pushed = try await client.post("/v1/emergency-pushes", emergency)
            #expect(pushed.status == 201)
            _ = try await TestFleet.end(of: pushed.json(RolloutView.self).id, client)
            let passed = try await running.controller.store.entries(after: 0, limit: 1000).compactMap { entry in
                if case .policyPassedOver(let it) = entry.event { it } else { nil }
            }
            #expect(passed.map { $0.refusals.map(\.rule) } == [[.cadence]])
        }
    }
}
