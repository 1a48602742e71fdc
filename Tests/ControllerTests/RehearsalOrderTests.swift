import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Rehearsals that people order")
struct RehearsalOrderTests {
    /// Two hosts run web@1.0 and are connected; web@1.1 may go there. They take orders and say nothing by themselves.
    private func staged(_ body: (Stage) async throws -> Void) async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(2, running)
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
                #expect(try await TestFleet.submit("1.1", by: client).status == 201)
                for agent in fleet.agents { agent.become(.hangs) }
                try await body(Stage(test: test, running: running, fleet: fleet, client: client))
            }
        }
    }

    private struct Stage {
        let test: TestController
        let running: TestController.Running
        let fleet: TestFleet
        let client: TestClient
        var host: TestHost { fleet.agents[0].host }

        func ask(_ hosts: String = "id=host1", _ release: String = "web@1.1", in environment: String? = nil)
            async throws -> HTTPResponse
        {
            let request = RehearsalRequest(
                release: try ReleaseName(release), hosts: try HostQuery(hosts),
                environment: try environment.map { try EnvironmentName($0) })
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
            _ order: OrderID, _ statement: EvidenceRequest?, _ outcome: HostOutcome = .succeeded, sequence: Int64 = 100
        ) async throws {
            var file: HostReceiptFile?
            if let statement, let envelope = statement.envelope, let certificate = statement.certificate {
                file = HostReceiptFile(envelope: envelope, certificate: certificate)
            }
            let word = OrderOutcome(
                order: order, release: try ReleaseName("web@1.1"), outcome: outcome, running: nil, rehearsal: file)
            let agent = try host.client(test, running)
            let report = HostReport(sequence: sequence, at: SystemTime().now(), body: .outcome(word))
            #expect(try await agent.post("/v1/agent/reports", HostReportBatch(reports: [report])).status == 200)
            await agent.close()
        }
    }

    @Test("The host is ordered by name, what it signed is evidence once, and no rollout comes of it")
    func proved() async throws {
        try await staged { stage in
            let order = try await stage.ordered()
            let statement = try LifecycleTests.rehearsal(stage.host, of: try await stage.package, order: order)
            try await stage.say(order, statement)
            try await stage.say(order, statement)
            try await stage.say(order, statement, sequence: 101)
            let view = try await stage.view(order)
            #expect(view.isOver && view.hosts.map(\.state) == [.proved])
            #expect(view.hosts.first?.seen == ["install: succeeded"])
            let evidence = try await stage.evidence
            #expect(evidence.map(\.kind) == [.rehearsal] && evidence.map(\.by) == ["host:\(stage.host.id)"])
            #expect(evidence.first?.id == view.hosts.first?.evidence)
            let state = await stage.running.controller.state
            // The statement lies with the evidence, not a second time with the report.
            #expect(state.hosts[stage.host.id]?.outcomes[order]?.rehearsal == nil)
            #expect(state.rollouts.count == 1)
            // Who comes back hears nothing of it any more.
            #expect(try await stage.ask("id=host1", "web@1.1").status == 201)
        }
    }

    @Test("A host that was away hears the order again when it is back")
    func again() async throws {
        try await staged { stage in
            let order = try await stage.ordered()
            let agent = TestAgent(stage.host, .hangs)
            let task = agent.serve(stage.test, stage.running)
            try await eventually { agent.orders.contains { $0.order == order && $0.rehearses == true } }
            task.cancel()
        }
    }

    @Test("No word but the host's own about this very order proves anything")
    func lies() async throws {
        try await staged { stage in
            let package = try await stage.package
            let other = stage.fleet.agents[1].host
            let lies: [(OrderID) throws -> EvidenceRequest?] = [
                // An agent that does not know what a rehearsal is.
                { _ in nil },
                { try LifecycleTests.rehearsal(stage.host, by: other, of: package, order: $0) },
                { try LifecycleTests.rehearsal(other, of: package, order: $0) },
                { _ in try LifecycleTests.rehearsal(stage.host, of: package) },
                { order in
                    var another = order
                    another.attempt = 2
                    return try LifecycleTests.rehearsal(stage.host, of: package, order: another)
                },
                { try LifecycleTests.rehearsal(stage.host, of: SHA256Digest(of: [1]), order: $0) },
            ]
            for (number, lie) in lies.enumerated() {
                let order = try await stage.ordered()
                try await stage.say(order, try lie(order), sequence: Int64(100 + number))
                #expect(try await stage.view(order).hosts.map(\.state) == [.failed], "\(number)")
            }
            let unasked = OrderID(rollout: try RolloutID("rehearsal-99-0000"), action: .install)
            try await stage.say(
                unasked, try LifecycleTests.rehearsal(stage.host, of: package, order: unasked), sequence: 200)
            #expect(try await stage.evidence.isEmpty)
            let order = try await stage.ordered()
            let failed = try LifecycleTests.rehearsal(stage.host, of: package, order: order, isProved: false)
            try await stage.say(order, failed, .backedOut(.health), sequence: 201)
            #expect(try await stage.view(order).hosts.map(\.state) == [.backedOut])
            #expect(try await stage.evidence.map(\.summary.result) == [.failed])
        }
    }

    @Test("What may not be installed is not rehearsed; nor what runs, where somebody is at it, or where people work")
    func refused() async throws {
        try await staged { stage in
            func refusal(_ answer: HTTPResponse) throws -> String { try answer.json(Problem.self).code }
            let live = try await stage.ask("id=host1", in: "production")
            #expect(try refusal(live) == "controller.conflict.rehearsalLive")
            let runs = try await stage.ask("id=host1", "web@1.0")
            #expect(try refusal(runs) == "controller.conflict.rehearsalRuns")
            #expect(try await stage.ask("id=nobody").status >= 400)
            _ = try await stage.ordered()
            #expect(try refusal(try await stage.ask()) == "controller.conflict.rehearsalBusy")
            let revoked = try await stage.client.post(
                "/v1/releases/web/1.1/revoke", RevocationRequest(environment: EnvironmentName("staging"), reason: "r"))
            #expect(revoked.status == 200)
            #expect(try refusal(try await stage.ask("id=host2")) == "controller.conflict.revoked")
            #expect(await stage.running.controller.state.rehearsals.count == 1)
        }
    }
}
