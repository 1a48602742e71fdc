import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Orders that a stop takes back")
struct CancelTests {
    /// A rollout whose hosts have their orders and say nothing more.
    private func hanging(
        _ body: (TestFleet, TestClient, RolloutID) async throws -> Void
    ) async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            for version in ["1.0", "2.0"] {
                #expect(try await TestFleet.submit(version, by: client).status == 201)
            }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            for agent in fleet.agents { agent.become(.hangs) }
            let answer = try await client.startRollout(TestFleet.definition("2.0"))
            let id = try answer.json(RolloutView.self).id
            try await eventually { fleet.agents.allSatisfy { $0.orders.count == 2 } }
            try await body(fleet, client, id)
        }
    }

    @Test(
        "Hosts that have stopped nothing yet are told, give up, and the rollout ends without waiting for them",
        arguments: ["stop", "abort"])
    func stop(_ verb: String) async throws {
        try await hanging { fleet, client, id in
            let answer = try await client.post("/v1/rollouts/\(id)/\(verb)", RolloutVerbRequest(reason: "no"))
            #expect(answer.status == 200)
            let view = try await TestFleet.end(of: id, client)
            #expect(view.state == .stopped)
            #expect(view.hosts.map(\.outcome) == [.cancelled, .cancelled])
            #expect(fleet.agents.map { $0.cancelled.count } == [1, 1])
            #expect(fleet.agents.allSatisfy { $0.running?.version.text == "1.0" })
        }
    }

    @Test("An abort that takes the release back tells them as well: what was not begun need not be backed out")
    func backOut() async throws {
        try await hanging { fleet, client, id in
            let request = RolloutVerbRequest(reason: "no", scope: .rollout)
            let answer = try await client.post("/v1/rollouts/\(id)/abort", request)
            #expect(answer.status == 200)
            #expect(try await TestFleet.end(of: id, client).state == .backedOut)
            #expect(fleet.agents.map { $0.cancelled.count } == [1, 1])
            #expect(
                fleet.agents.map { $0.orders.map(\.order.action) } == [[.install, .install], [.install, .install]])
        }
    }

    @Test("A pause takes nothing back")
    func pause() async throws {
        try await hanging { fleet, client, id in
            let answer = try await client.post("/v1/rollouts/\(id)/pause", RolloutVerbRequest())
            #expect(answer.status == 200)
            #expect(fleet.agents.allSatisfy { $0.cancelled.isEmpty })
        }
    }
}
