import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Labels that people change")
struct LabelTests {
    private func label(
        _ hosts: [String], _ set: [String: String] = [:], remove: [String] = [], dryRun: Bool? = nil,
        by client: TestClient
    ) async throws -> HTTPResponse {
        try await client.post(
            "/v1/hosts/labels",
            HostLabelsRequest(
                hosts: hosts.map { HostID(unchecked: $0) }, set: set, remove: remove, reason: "moved",
                isDryRun: dryRun))
    }

    private func host(_ id: String, _ client: TestClient) async throws -> HostView {
        try await client.send("GET", "/v1/hosts/\(id)").json(HostView.self)
    }

    private static func inventory(_ labels: [String: String]?, _ delivery: DeliveryMode = .push) -> HostReportBody {
        .inventory(
            HostInventory(
                agentVersion: "1", machineID: "m", delivery: delivery,
                checkInterval: delivery == .pull ? .minutes(5) : nil, installed: [], labels: labels))
    }

    @Test("Set, changed and removed: plans choose by the new ones, each change is in the log, the same again is none")
    func changed() async throws {
        try await TestFleet.serving(2) { _, client, running in
            let answer = try await label(["host2", "host1"], ["zone": "b"], remove: ["pilot", "none"], by: client)
            let view = try answer.json(HostLabelsView.self)
            #expect(view.hosts.map(\.host.text) == ["host1", "host2"] && !view.isDryRun && view.frozenIn.isEmpty)
            #expect(view.hosts.map(\.removed) == [["pilot"], []])
            #expect(view.hosts[0].labels == ["name": "host1", "zone": "b"])
            #expect(try await host("host1", client).labels == ["name": "host1", "zone": "b"])
            let again = try await label(["host1"], ["zone": "b"], by: client).json(HostLabelsView.self)
            #expect(again.hosts.first?.set == [:] && again.hosts.first?.removed == [])
            #expect(try await label(["host2"], ["zone": "c"], dryRun: true, by: client).status == 200)
            let log = try await running.controller.store.entries(after: 0, limit: 1000).filter {
                $0.event.action == "host.labelled"
            }
            #expect(log.map(\.event.object) == ["host:host1", "host:host2"])
            #expect(log.allSatisfy { $0.actor == "person:admin" })

            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            #expect(try await label(["host2"], ["zone": "c"], by: client).status == 200)
            var definition = try TestFleet.definition("1.0")
            definition.hosts = try HostQuery("zone=c")
            let rolled = try await TestFleet.rollOut(definition, by: client)
            #expect(rolled.hosts.map(\.host.text) == ["host2"])
        }
    }

    @Test("By a query it is every host in use that matches now; all of it happens, or nothing")
    func query() async throws {
        try await TestFleet.serving(3) { _, client, _ in
            func ask(_ query: String, _ environment: String? = nil) async throws -> HTTPResponse {
                try await client.post(
                    "/v1/hosts/labels",
                    HostLabelsRequest(
                        query: HostQuery(query), environment: environment.map { EnvironmentName(unchecked: $0) },
                        set: ["zone": "b"]))
            }
            let retired = HostReasonRequest(reason: "old")
            #expect(try await client.post("/v1/hosts/host3/retire", retired).status == 200)
            #expect(try await ask("all").json(HostLabelsView.self).hosts.map(\.host.text) == ["host1", "host2"])
            #expect(try await ask("zone=x").problemCode == "controller.request.notFound")
            #expect(try await ask("all", "production").problemCode == "controller.request.notFound")
            let gone = try await label(["host1", "host3"], ["zone": "z"], by: client)
            #expect(gone.status == 409 && gone.problemCode == "controller.conflict.outOfUse")
            #expect(
                try await label(["host1", "host9"], ["zone": "z"], by: client).problemCode
                    == "controller.request.notFound")
            #expect(try await host("host1", client).labels["zone"] == "b")
        }
    }

    @Test("What no host can be called by is refused, and so are its id, its name and its marks")
    func refused() async throws {
        try await TestFleet.serving(1) { _, client, _ in
            let many = Dictionary(uniqueKeysWithValues: (0..<64).map { ("k\($0)", "v") })
            // With the two that it has these are too many.
            for set in [
                ["id": "x"], ["name": "x"], ["pinned": "true"], ["maintenance": "true"], ["zone": ""], ["zo ne": "b"],
                ["zone": "a,b"], ["zone": "$(x)"], ["zone": String(repeating: "x", count: 254)], many, [:],
            ] {
                let answer = try await label(["host1"], set, by: client)
                #expect(answer.problemCode == "controller.request.labels", "\(set)")
            }
            #expect(try await label([], ["a": "b"], by: client).problemCode == "controller.request.labels")
            let both = try await label(["host1"], ["a": "b"], remove: ["a"], by: client)
            #expect(both.problemCode == "controller.request.labels")
            let unclear = HostLabelsRequest(hosts: [HostID(unchecked: "host1")], query: .all, set: ["a": "b"])
            #expect(try await client.post("/v1/hosts/labels", unclear).problemCode == "controller.request.labels")
            #expect(try await host("host1", client).labels == ["name": "host1", "pilot": "true"])
        }
    }

    @Test(
        "A mark stays over a label of its name; grants go by what people gave, and a grant over some hosts gives nothing"
    )
    func rights() async throws {
        try await TestFleet.serving(1) { _, client, running in
            let mark = HostMarkRequest(mark: .pinned, reason: "x")
            #expect(try await client.post("/v1/hosts/host1/mark", mark).status == 200)
            #expect(try await label(["host1"], ["zone": "b"], by: client).status == 200)
            #expect(
                try await host("host1", client).labels == [
                    "name": "host1", "pilot": "true", "pinned": "true", "zone": "b",
                ])
            let record = try #require(await running.controller.state.hosts[HostID("host1")])
            #expect(PermissionScope(hosts: try HostQuery("zone=b")).covers(ScopedObject(record)))
            #expect(!PermissionScope(hosts: try HostQuery("pinned")).covers(ScopedObject(record)))
        }
    }

    @Test(
        "A rollout under way keeps the hosts it began with, and the answer says so; nothing is installed because of a label"
    )
    func frozen() async throws {
        try await TestFleet.serving(2) { fleet, client, running in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            fleet.agents[0].become(.hangs)
            var definition = try TestFleet.definition("1.0")
            definition.hosts = try HostQuery("pilot")
            let id = try await client.startRollout(definition).json(RolloutView.self).id
            try await eventually { !fleet.agents[0].orders.isEmpty }
            let left = try await label(["host1"], remove: ["pilot"], dryRun: true, by: client)
            #expect(try left.json(HostLabelsView.self).frozenIn == [id])
            let came = try await label(["host2"], ["pilot": "true"], by: client).json(HostLabelsView.self)
            #expect(came.frozenIn == [id])
            let other = try await label(["host2"], ["rack": "7"], by: client).json(HostLabelsView.self)
            #expect(other.frozenIn.isEmpty)
            // What it says of itself does not bring it in either, neither the first time nor later.
            try await fleet.agents[1].say(Self.inventory(["pilot": "true"]), fleet.test, running)
            try await fleet.agents[1].say(Self.inventory(["pilot": "true"]), fleet.test, running)
            let view = try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self)
            #expect(view.hosts.map(\.host.text) == ["host1"])
            #expect(fleet.agents[1].orders.isEmpty)
        }
    }

    @Test("A pushed host is told down its stream until it says that it goes by them, also after it was away")
    func pushed() async throws {
        let test = try TestController()
        try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(1, running)
            let agent = fleet.agents[0]
            let own = agent.host.response.labels
            try await fleet.serving(running) { client in
                // One that does not say what it goes by could not make anything of it: it stays with those that it joined with.
                try await agent.say(Self.inventory(nil), test, running)
                #expect(try await label(["host1"], ["zone": "b"], by: client).status == 200)
                #expect(try await host("host1", client).labelsOnHost == own)
                try await agent.say(Self.inventory(own), test, running)
                try await eventually { agent.labels.last?.labels == own.merging(["zone": "b"]) { $1 } }
                #expect(agent.labels.last?.host == agent.host.id)
                #expect(try await host("host1", client).labelsOnHost == own)
                #expect(try await label(["host1"], ["zone": "c"], by: client).status == 200)
                try await eventually { agent.labels.last?.labels["zone"] == "c" }
                let counters = agent.labels.map(\.counter)
                #expect(counters == counters.sorted())
            }
            let before = agent.labels.count
            try await fleet.serving(running) { client in
                try await eventually { agent.labels.count > before }
                let told = try #require(agent.labels.last)
                try await agent.say(Self.inventory(told.labels), test, running)
                try await eventually { try await host("host1", client).labelsOnHost == nil }
            }
            // The stream that ended may have had a word on its way.
            try await eventually { !running.controller.hub.isOnline(agent.host.id) }
            let known = agent.labels.count
            try await fleet.serving(running) { client in
                // Nothing is said to a host that knows: it would have come before this.
                #expect(try await label(["host1"], ["zone": "d"], by: client).status == 200)
                try await eventually { agent.labels.last?.labels["zone"] == "d" }
                #expect(agent.labels.count == known + 1)
            }
        }
    }

    @Test("A host that fetches hears of it with its next receipt, and no more once it goes by them")
    func fetching() async throws {
        let test = try TestController()
        try await test.run { running in
            let joined = try await TestHost.join(test, running, labels: ["name": "edge", "zone": "a"])
            let admin = try TestClient(test, running, token: test.adminToken)
            let client = try joined.client(test, running)
            func receipt(_ sequence: Int64? = nil, _ labels: [String: String] = [:]) async throws -> HostReportReceipt {
                let reports = sequence.map {
                    [HostReport(sequence: $0, at: SystemTime().now(), body: Self.inventory(labels, .pull))]
                }
                return try await client.post("/v1/agent/reports", HostReportBatch(reports: reports ?? [])).json(
                    HostReportReceipt.self)
            }
            #expect(try await receipt(1, joined.response.labels).labels == nil)
            #expect(try await label(["edge"], ["zone": "b"], by: admin).status == 200)
            let envelope = try DSSEEnvelope(json: try #require(try await receipt().labels))
            let word = try JSONCoding.decode(LabelWord.self, from: envelope.payload)
            #expect(word.labels == ["name": "edge", "zone": "b"] && word.host == joined.id)
            #expect(word.environment == EnvironmentName(unchecked: "staging"))
            #expect(try await receipt(2, word.labels).labels == nil)
            #expect(try await receipt().labels == nil)
            for one in [admin, client] { await one.close() }
        }
    }
}
