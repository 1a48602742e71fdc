import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("A pilot is evidence that the log gives")
struct PilotTests {
    private static let policy =
        "environments: { staging: , production: { evidence: [{ kind: pilot, about: staging }] } }\n"

    @Test("The first of several phases that passes is evidence, a back-out takes it back, and a policy may ask for it")
    func pilot() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            try await fleet.serving(running) { client in
                let request = PolicyRequest(text: Self.policy, reason: "tests")
                #expect(try await client.post("/v1/policy", request).status == 201)
                #expect(try await TestFleet.submit("1.1", by: client).status == 201)
                let promotion = PromotionRequest(environment: try EnvironmentName("production"))
                #expect(try await client.post("/v1/releases/web/1.1/promote", promotion).status == 200)
                var live = try TestFleet.definition("1.1")
                live.environment = try EnvironmentName("production")
                func code() async throws -> String? { try await client.post("/v1/rollouts", live).problemCode }
                func pilots() async throws -> [EvidenceRecord] {
                    let path = LifecycleTests.base + "/lifecycle"
                    return try await client.send("GET", path).json(LifecycleView.self).evidence
                }
                let early = try await client.post("/v1/rollouts", live)
                #expect(early.status == 423 && early.problemCode == "controller.policy.evidence")
                #expect(try early.json(Problem.self).cause?.contains("policy.yaml:1:") == true)
                let phases: [PhaseDefinition] = [.init(size: .count(1)), .init(size: .percent(100))]
                let view = try await TestFleet.rollOut(TestFleet.definition("1.1", .phased(phases)), by: client)
                #expect(try await pilots().map(\.summary.result) == [.passed])
                #expect(try await pilots().first?.about == "staging")
                // The policy has nothing against it any more; what is missing now is a plan that somebody looked at.
                #expect(try await code() == "controller.plan.required")
                let verb = RolloutVerbRequest(reason: "customers complain")
                #expect(try await client.post("/v1/rollouts/\(view.id)/back-out", verb).status == 200)
                try await eventually { try await pilots().map(\.summary.result) == [.passed, .failed] }
                #expect(try await code() == "controller.policy.evidence")
            }
        }
    }
}
