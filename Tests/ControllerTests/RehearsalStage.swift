import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// What is there when a rehearsal is ordered: hosts that take orders and say nothing by themselves.
struct RehearsalStage {
    let test: TestController
    let running: TestController.Running
    let fleet: TestFleet
    let client: TestClient
    var host: TestHost { fleet.agents[0].host }

    func ask(
        _ hosts: String = "id=host1", _ release: String = "web@1.1", in environment: String? = nil,
        plan: RolloutDefinition? = nil
    ) async throws -> HTTPResponse {
        let request = RehearsalRequest(
            release: try ReleaseName(release), hosts: try HostQuery(hosts),
            environment: try environment.map { try EnvironmentName($0) }, plan: plan)
        return try await client.post("/v1/rehearsals", request)
    }

    /// Ordered, and heard by the first host.
    func ordered() async throws -> OrderID {
        let answer = try await ask()
        #expect(answer.status == 201)
        let view = try answer.json(RehearsalView.self)
        #expect(view.hosts.map(\.state) == [.ordered] && !view.by.isEmpty)
        try await eventually { fleet.agents[0].orders.last?.order.rollout == view.id }
        let order = try #require(fleet.agents[0].orders.last)
        #expect(order.audience == .host(host.id) && order.rehearses == true)
        return order.order
    }

    func view(_ order: OrderID) async throws -> RehearsalView {
        try await client.send("GET", "/v1/rehearsals/\(order.rollout)").json(RehearsalView.self)
    }

    func host(_ asked: RehearsalView, _ place: Int) throws -> TestHost {
        try #require(fleet.agents.first { $0.host.id == asked.hosts[place].host }).host
    }

    /// The word of the host in that place of the plan.
    func say(_ asked: RehearsalView, _ place: Int, isProved: Bool = true) async throws {
        let (host, order) = (try host(asked, place), OrderID(rollout: asked.id, action: .install))
        let statement = try LifecycleTests.rehearsal(host, of: await package, order: order, isProved: isProved)
        try await say(order, statement, isProved ? .succeeded : .backedOut(.health), by: host)
    }

    var package: SHA256Digest {
        get async throws {
            try #require(await running.controller.state.releases[ReleaseName("web@1.1")]?.submitted.manifest)
        }
    }

    var evidence: [EvidenceRecord] {
        get async throws { await running.controller.state.lifecycle(try ReleaseName("web@1.1")).record.evidence }
    }

    /// The host's last word, as an agent sends it.
    func say(
        _ order: OrderID, _ statement: EvidenceRequest?, _ outcome: HostOutcome = .succeeded, sequence: Int64 = 100,
        by speaker: TestHost? = nil
    ) async throws {
        var file: HostReceiptFile?
        if let statement, let envelope = statement.envelope, let certificate = statement.certificate {
            file = HostReceiptFile(envelope: envelope, certificate: certificate)
        }
        let word = OrderOutcome(
            order: order, release: try ReleaseName("web@1.1"), outcome: outcome, running: nil, rehearsal: file)
        let agent = try (speaker ?? host).client(test, running)
        let report = HostReport(sequence: sequence, at: SystemTime().now(), body: .outcome(word))
        #expect(try await agent.post("/v1/agent/reports", HostReportBatch(reports: [report])).status == 200)
        await agent.close()
    }
}
