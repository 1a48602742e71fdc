import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The sweep before a rollout")
struct PreflightTests {
    @Test("Hosts in contact are asked how they stand; those that cannot take the release are named, nothing is changed")
    func sweep() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(5, running)
            let agents = fleet.agents
            let now = SystemTime().now()
            let large = ByteCount(1 << 40)
            agents[0].stand(HostFacts(sentAt: now, freeSpace: large, drifted: []))
            agents[1].stand(HostFacts(sentAt: now + .minutes(10), freeSpace: ByteCount(10), drifted: []))
            agents[3].stand(
                HostFacts(sentAt: now, freeSpace: large, drifted: [], unwritable: "R42: the file system is read-only"))
            agents[2].stand(HostFacts(sentAt: now, freeSpace: large, drifted: [try ProductName("web")]))
            let version = SlipwayVersion.text
            for agent in agents {
                let client = try agent.host.client(test, running)
                let inventory = HostInventory(
                    agentVersion: version, machineID: "m-\(agent.host.id)", delivery: .push, installed: [])
                let report = HostReport(sequence: 1, at: now, body: .inventory(inventory))
                let answer = try await client.post("/v1/agent/reports", HostReportBatch(reports: [report]))
                #expect(answer.status == 200)
                await client.close()
            }
            fleet.agents.removeLast()
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                let events = await running.controller.store.sequence
                let request = PreflightRequest(rollout: try TestFleet.definition("1.0"), wait: .seconds(20))
                let response = try await client.post("/v1/rollouts/preflight", request)
                #expect(response.status == 200)
                let view = try response.json(PreflightView.self)
                let found = Dictionary(
                    uniqueKeysWithValues: view.hosts.map { host in
                        (host.host, host.findings.map { "\($0.check.rawValue) \($0.weight.rawValue)" })
                    })
                #expect(found[agents[0].host.id] == [])
                #expect(found[agents[1].host.id] == ["clock warns", "space blocks"])
                #expect(found[agents[2].host.id] == ["drift blocks"])
                #expect(found[agents[3].host.id] == ["space blocks"])
                #expect(found[agents[4].host.id]?.first == "reachability blocks")
                #expect(view.hosts.map(\.isBlocked).filter { $0 }.count == 4)
                // The question itself stands in the log, and nothing else.
                #expect(await running.controller.store.sequence <= events + 1)
                // The plan says the same of each host, with nobody asked again.
                let plan = try await client.post("/v1/rollouts/plans", request.rollout).json(RolloutPlanView.self)
                let missing = Dictionary(uniqueKeysWithValues: plan.hosts.map { ($0.host, $0.missing ?? []) })
                #expect(missing[agents[0].host.id] == [])
                #expect(
                    missing[agents[1].host.id]?.first?.hasPrefix("space: 10 B are free, up to ") == true, "\(missing)")
                #expect(missing[agents[2].host.id]?.first?.hasPrefix("drift: ") == true)
                #expect(
                    missing[agents[3].host.id] == [
                        "space: its agent can write nothing down: R42: the file system is read-only"
                    ])
                #expect(missing[agents[4].host.id]?.first?.hasPrefix("reachability: ") == true)
                #expect(plan.hosts.allSatisfy { ($0.diskNeeded?.value ?? 0) > 0 })
            }
        }
    }

    @Test("An agent of another version, and a host that is there twice are found by the sweep")
    func versionsAndClones() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            let ours = try ReleaseVersion(SlipwayVersion.text)
            let versions = ["\(ours.major + 1).0.0", SlipwayVersion.text, SlipwayVersion.text]
            for (agent, version) in zip(fleet.agents, versions) {
                let client = try agent.host.client(test, running)
                let inventory = HostInventory(
                    agentVersion: version, machineID: "m-\(agent.host.id)", delivery: .push, installed: [])
                let report = HostReport(sequence: 1, at: SystemTime().now(), body: .inventory(inventory))
                #expect(try await client.post("/v1/agent/reports", HostReportBatch(reports: [report])).status == 200)
                await client.close()
            }
            let clone = try #require(fleet.agents.last).host.id
            let sessions = ["p1", "p2"].map { AgentSession(machine: "m", boot: "b", process: $0) }
            for _ in 1...4 {
                for session in sessions { try? await running.controller.hear(session, of: clone) }
            }
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let request = PreflightRequest(rollout: try TestFleet.definition("1.0"), wait: .milliseconds(100))
            let view = try await client.post("/v1/rollouts/preflight", request).json(PreflightView.self)
            let found = view.hosts.map { host in host.findings.map { "\($0.check.rawValue) \($0.weight.rawValue)" } }
            #expect(found[0].contains("agentVersion blocks"))
            #expect(!found[1].contains { $0.hasPrefix("agentVersion") })
            #expect(found[2] == ["identity blocks"])
            #expect(view.hosts[2].findings.first?.detail.contains("Two agents use the identity") == true)
            await client.close()
        }
    }

    @Test("Hosts are listed by a host query of the one grammar; one that cannot be read is refused in its words")
    func listing() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            let client = try TestClient(test, running, token: test.adminToken)
            func count(_ query: String) async throws -> Int {
                let answer = try await client.send("GET", "/v1/hosts?hosts=\(query)")
                return try answer.json(ListView<HostView>.self).items.count
            }
            #expect(try await count("name%20in%20(host1,host2)") == 2)
            #expect(try await count("not%20pilot%20and%20name!%3Dhost3") == 1)
            #expect(try await count("all") == 3)
            let refused = try await client.send("GET", "/v1/hosts?hosts=name%20in")
            #expect(refused.status == 422)
            #expect(refused.problemCode == "definition.hostQuery")
            await client.close()
        }
    }

    @Test("An older agent that does not know the question holds nobody up for longer than was asked")
    func oldAgent() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let request = PreflightRequest(rollout: try TestFleet.definition("1.0"), wait: .milliseconds(100))
            let view = try await client.post("/v1/rollouts/preflight", request).json(PreflightView.self)
            #expect(view.hosts.map(\.isBlocked) == [false])
            #expect(view.hosts.first?.findings.map(\.weight) == [.unknown, .unknown, .unknown])
        }
    }
}

extension Controller {
    /// As a request of the host would.
    fileprivate func hear(_ session: AgentSession, of host: HostID) throws {
        guard let sessions = duplicates.heard(session, of: host) else { return }
        try commit(.hostQuarantined(HostQuarantined(host: host, sessions: sessions)), by: "engine", at: time.now())
    }
}
