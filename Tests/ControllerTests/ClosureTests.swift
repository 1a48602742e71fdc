import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("What keeps the file of a release open")
struct ClosureTests {
    private static let base = LifecycleTests.base

    private func view(_ client: TestClient) async throws -> LifecycleView {
        try await client.send("GET", Self.base + "/lifecycle").json(LifecycleView.self)
    }

    private func handOver(_ client: TestClient) async throws {
        let handOver = LifecycleTests.unsigned(.handOver, about: "desk")
        #expect(try await client.post(Self.base + "/evidence", handOver).status == 201)
        try await eventually { try await view(client).stage == .operational }
    }

    /// To where only closing is left.
    private func review(_ client: TestClient) async throws {
        let conclusion = ReleaseReviewRequest(conclusion: "well")
        #expect(try await client.post(Self.base + "/review", conclusion).status == 200)
        for open in try await view(client).deviations where open.resolution == nil {
            let action = DeviationResolveRequest(action: "we looked at it")
            let path = Self.base + "/deviations/\(open.id)/resolve"
            #expect(try await client.post(path, action).status == 200)
        }
    }

    private func close(_ client: TestClient) async throws -> HTTPResponse {
        try await client.post(Self.base + "/close", [String: String]())
    }

    @Test("One host that could not be taken back keeps the file of a rollout open that succeeded on the others")
    func oneLeftBehind() async throws {
        try await TestFleet.serving(2) { fleet, client, _ in
            for agent in fleet.agents {
                agent.stand(HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: []))
            }
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            try await LifecycleTests().prepare(client)
            let rollout = try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client)
            try await handOver(client)
            fleet.agents[1].become(.staysBehind)
            let stuck = fleet.agents[1].host.id
            let path = "/v1/rollouts/\(rollout.id)"
            let verb = RolloutVerbRequest(reason: "sick", hosts: [stuck])
            #expect(try await client.post(path + "/back-out", verb).status == 200)
            try await eventually {
                let hosts = try await client.send("GET", path).json(RolloutView.self).hosts
                return hosts.first { $0.host == stuck }?.outcome == .backOutFailed
            }
            #expect(try await client.send("GET", path).json(RolloutView.self).state == .succeeded)
            try await review(client)
            let refused = try await close(client).json(Problem.self)
            #expect(refused.code == "lifecycle.close.refused")
            #expect(refused.cause?.contains("\(stuck) runs it still and could not be taken back") == true)
            // What mends it is a release that it takes.
            fleet.agents[1].become(.obeys)
            #expect(try await TestFleet.submit("1.2", by: client).status == 201)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.2"), by: client)
            #expect(try await close(client).json(LifecycleView.self).stage == .closed)
        }
    }

    @Test("A host that fetches is asked with the answer to what it sends; its word closes the file")
    func fetching() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await ChannelTests.Puller(test, running)
            try await LifecycleTests().prepare(admin)
            let started = try await admin.startRollout(TestFleet.definition("1.1")).json(RolloutView.self)
            let word = try await puller.word { $0.addresses(host: puller.host.id) && $0.order.rollout == started.id }
            try await puller.end(word, .succeeded, running: word)
            #expect(try await TestFleet.end(of: started.id, admin).state == .succeeded)
            try await handOver(admin)
            try await review(admin)

            func send(_ drifted: [ProductName]?) async throws -> HostReportReceipt {
                let facts = HostFacts(sentAt: SystemTime().now(), freeSpace: nil, drifted: drifted)
                let batch = HostReportBatch(reports: [], facts: facts)
                return try await puller.client.post("/v1/agent/reports", batch).json(HostReportReceipt.self)
            }
            #expect(try await send(nil).facts == nil, "nobody asks")
            let unheard = try await close(admin).json(Problem.self)
            #expect(unheard.cause?.contains("did not say whether files were changed: \(puller.host.id)") == true)
            #expect(try await send(nil).facts == true)
            #expect(try await send([try ProductName("web")]).facts == nil)
            let drifted = try await close(admin).json(Problem.self)
            #expect(drifted.cause?.contains("files were changed on \(puller.host.id)") == true)
            #expect(try await send([]).facts == nil, "its word is the answer to the second question as well")
            #expect(try await close(admin).json(LifecycleView.self).stage == .closed)
            await admin.close()
            await puller.client.close()
        }
    }
}
