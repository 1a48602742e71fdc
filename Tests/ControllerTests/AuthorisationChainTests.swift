import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Chains of authorisation, and early life support by the policy")
struct AuthorisationChainTests {
    @Test(
        "Each authorisation is the turn of a permission set; a yes out of turn is refused, and the last one lets it start"
    )
    func chain() async throws {
        let people = try TestPeople(.regulated)
        try await people.run { running, client in
            _ = try await TestHost.join(people.test, running, labels: [:])
            try await people.approve("1.0", client: client)
            for (name, set) in [("approver-1", "serviceOwner"), ("approver-2", "releaseManager")] {
                #expect(try await client.post("/v1/grants", GrantRequest(person: name, set: set)).status == 201)
            }
            let text = "environments: { staging: { authorisations: [serviceOwner, releaseManager] } }\n"
            let applied = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
            #expect(applied.status == 201, "\(String(decoding: applied.body, as: UTF8.self))")
            let wrong = text.replacing("serviceOwner", with: "king")
            let unfit = try await client.post("/v1/policy", PolicyRequest(text: wrong, reason: "tests"))
            #expect(unfit.problemCode == "controller.policy.unfit")

            let definition = try TestFleet.definition("1.0")
            let plan = try await client.post("/v1/rollouts/plans", definition).json(RolloutPlanView.self)
            func authorise(_ name: String) async throws -> HTTPResponse {
                let consent = RolloutConsent(plan: plan.digest, validUntil: SystemTime().now() + .hours(2))
                let envelope = try DSSEEnvelope.sign(
                    JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType, keys: [people.key(name)])
                return try await client.post(
                    "/v1/rollouts/plans/\(plan.digest)/authorisations", RolloutAuthorisation(envelope: envelope.json))
            }
            let early = try await authorise("approver-2")
            #expect(early.problemCode == "controller.access.turn")
            #expect(
                try early.json(Problem.self).detail
                    == "Authorisation 1 of 2 is a serviceOwner's, and approver-2 is releaseManager.")
            #expect(try await authorise("approver-3").problemCode == "controller.access.turn")
            #expect(try await authorise("approver-1").status == 200)
            let half = try await client.startRollout(definition)
            #expect(half.problemCode == "controller.approval.authorisation")
            #expect(try half.json(Problem.self).detail.hasPrefix("1 of 2 people have authorised"))
            #expect(try await authorise("approver-2").status == 200)
            #expect(try await client.startRollout(definition).status == 201)
        }
    }

    @Test("What the policy says of early life support stands in the plan; a rollout may watch longer, not less")
    func earlyLife() async throws {
        try await TestFleet.serving(1) { _, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let text = "earlyLife: { major: 7d }\n"
            let applied = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
            #expect(applied.status == 201)
            var definition = try TestFleet.definition("1.0")
            definition.limits.earlyLife = .days(1)
            let short = try await client.startRollout(definition)
            #expect(short.status == 422)
            #expect(short.problemCode == "controller.policy.earlyLife")
            #expect(try short.json(Problem.self).cause?.hasPrefix("policy.yaml:1:14: earlyLife.major: ") == true)
            definition.limits.earlyLife = nil
            let view = try await TestFleet.rollOut(definition, by: client)
            let plan = await running.controller.state.rollouts[view.id]?.plan
            #expect(plan?.earlyLife == .days(7))
        }
    }

    @Test(
        "A policy whose window never opens refuses a start that was planned before, with its line, and plans nothing in circles"
    )
    func neverOpens() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let definition = try TestFleet.definition("1.0")
            let planned = try await client.post("/v1/rollouts/plans", definition)
            let digest = try planned.json(RolloutPlanView.self).digest
            let text = """
                environments: { staging: { windows: [short], duration: 2h, authorisations: 1 } }
                windows: { short: { opens: "02:00", for: 1h } }
                """
            let applied = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
            #expect(applied.status == 201)
            let refused = try await client.post("/v1/rollouts?plan=\(digest)", definition)
            #expect(refused.status == 423)
            #expect(refused.problemCode == "controller.policy.window")
        }
    }
}
