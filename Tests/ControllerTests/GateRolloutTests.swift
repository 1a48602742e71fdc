import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Gates of rollouts on the controller")
struct GateRolloutTests {
    /// With a program `smoke` in the controller's folder that ends with what the file `verdict` beside it holds.
    private func fleet<Value>(
        _ body: (TestClient, TestController.Running, Directory) async throws -> Value
    ) async throws -> Value {
        let test = try TestController()
        let folder = try Directory.open(test.folder.path)
        let gates = try folder.createDirectory("gates")
        try gates.writeDurably("smoke", Array("#!/bin/sh\ncat verdict\nexit $(cat verdict)\n".utf8), mode: 0o755)
        try gates.writeDurably("verdict", Array("0\n".utf8))
        return try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            return try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                return try await body(client, running, gates)
            }
        }
    }

    private func apply(_ text: String, _ client: TestClient) async throws {
        let response = try await client.post("/v1/policy", PolicyRequest(text: text, reason: "tests"))
        #expect(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
    }

    private func phased(gates: [GateName]? = nil) throws -> RolloutDefinition {
        try TestFleet.definition(
            "1.0", .phased([.init(size: .count(1), gates: gates), .init(size: .percent(100))]))
    }

    @Test("A rollout halts at a gate that fails, says what it said, asks again when resumed, and ends well")
    func failThenPass() async throws {
        try await fleet { client, _, gates in
            try await apply("gates: { smoke: { command: [smoke] } }\n", client)
            try gates.writeDurably("verdict", Array("1\n".utf8))
            let response = try await client.startRollout(phased(gates: [GateName("smoke")]))
            let started = try response.json(RolloutView.self)
            var view = started
            try await eventually {
                view = try await client.send("GET", "/v1/rollouts/\(started.id)").json(RolloutView.self)
                return view.state == .halted
            }
            #expect(view.reason == "The gate smoke of pilot failed: it ended with 1: 1.")
            #expect(view.hosts.filter { $0.startedAt != nil }.count == 1)
            try gates.writeDurably("verdict", Array("0\n".utf8))
            let resume = RolloutVerbRequest(reason: "fixed")
            #expect(try await client.post("/v1/rollouts/\(started.id)/resume", resume).status == 200)
            #expect(try await TestFleet.end(of: started.id, client).state == .succeeded)
        }
    }

    @Test("Gates of the policy's environment judge every phase, unasked")
    func ofEnvironment() async throws {
        try await fleet { client, running, _ in
            try await apply(
                "environments: { staging: { gates: [smoke] } }\ngates: { smoke: { command: [smoke] } }\n", client)
            let view = try await TestFleet.rollOut(phased(), by: client)
            #expect(view.state == .succeeded)
            let asked = try await running.controller.store.entries(after: 0, limit: 1000).map(\.action)
            #expect(asked.filter { $0 == "rollout.gateJudged" }.count == 2)
        }
    }

    @Test("A gate that nobody defined is refused when the rollout is planned")
    func unknown() async throws {
        try await fleet { client, _, _ in
            let definition = try phased(gates: [GateName("smoke")])
            let refused = try await client.post("/v1/rollouts/plans", definition)
            #expect(refused.status == 422)
            #expect(refused.problemCode == "controller.policy.gates")
        }
    }
}
