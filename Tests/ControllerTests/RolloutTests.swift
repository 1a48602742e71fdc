import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Rollouts")
struct RolloutTests {
    private let phased = RolloutStrategy.phased([
        PhaseDefinition(size: .count(1)), PhaseDefinition(size: .percent(50)), PhaseDefinition(size: .percent(100)),
    ])

    private func joined(_ count: Int, _ test: TestController, _ running: TestController.Running) async throws
        -> TestFleet
    {
        var fleet = TestFleet(test)
        try await fleet.join(count, running)
        return fleet
    }

    @Test("A release goes to every host in phases, and the stream of changes tells it from the start")
    func phases() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(4, test, running)
            try await fleet.serving(running) { admin in
                #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
                let view = try await TestFleet.rollOut(TestFleet.definition("1.0", phased), by: admin)
                #expect(view.state == .succeeded)
                #expect(view.phases.map(\.hosts) == [1, 1, 2])
                #expect(view.phases.map(\.state) == [.passed, .passed, .passed])
                #expect(view.hosts.allSatisfy { $0.outcome == .succeeded && $0.endedAt != nil })
                #expect(view.hosts.first?.host.text == "host1")
                #expect(fleet.agents.allSatisfy { $0.running?.description == "web@1.0" })
                var (kinds, heard) = ([String](), [String]())
                let request = HTTPRequest(
                    "GET", admin.baseURL + "/v1/rollouts/\(view.id)/events",
                    headers: [HTTPField("Authorization", "Bearer \(test.adminToken)")])
                for try await event in admin.http.events(request, silenceMax: .seconds(60)) {
                    let change = try JSONCoding.decode(RolloutChange.self, from: Array(event.data.utf8))
                    #expect(event.id == String(change.sequence))
                    kinds.append(change.kind)
                    heard.append(try #require(event.id))
                    if change.state.isFinal { break }
                }
                #expect(kinds.first == "rollout.started")
                #expect(kinds.last == "rollout.ended")
                #expect(kinds.count { $0 == "rollout.phasePassed" } == 3)
                // Whoever heard some of it goes on behind that.
                var rest: [String] = []
                var again = request
                again.headers.append(HTTPField("Last-Event-ID", heard[1]))
                for try await event in admin.http.events(again, silenceMax: .seconds(60)) {
                    rest.append(try #require(event.id))
                    if event.id == heard.last { break }
                }
                #expect(rest == Array(heard.dropFirst(2)))
            }
        }
    }

    @Test("What a host is sent passes the host's own check: both authorities, from the pinned root")
    func hostChecks() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(1, test, running)
            try await fleet.serving(running) { admin in
                _ = try await TestFleet.submit("1.0", by: admin)
                _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
                let agent = try #require(fleet.agents.first)
                let folder = try TemporaryFolder()
                let store = try Directory.open(folder.path)
                try MetadataClient.pin(root: Array(agent.host.response.root.utf8), in: store)
                let client = MetadataClient(
                    store: store, http: admin.http, time: SystemTime(),
                    address: RepositoryAddress(baseURL: admin.baseURL + "/repository"))
                let envelope = try #require(agent.envelopes.first)
                let now = SystemTime().now()
                let staging = try EnvironmentName("staging")
                let authorised = try await client.authorise(
                    envelope, for: agent.host.id, environment: staging, at: now)
                #expect(authorised.target.path == "staging/web/1.0/manifest.json")
                let other = try HostID("host2")
                await #expect(throws: TrustError.self) {
                    try await client.authorise(envelope, for: other, environment: staging, at: now)
                }
            }
        }
    }

    @Test("A broken release is backed out, revoked, and may not be rolled out again; the rest stays on the old one")
    func backOut() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(4, test, running)
            try await fleet.serving(running) { admin in
                for version in ["1.0", "2.0"] { #expect(try await TestFleet.submit(version, by: admin).status == 201) }
                _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
                for agent in fleet.agents { agent.become(.fails) }
                let view = try await TestFleet.rollOut(TestFleet.definition("2.0", phased), by: admin)
                #expect(view.state == .backedOut)
                #expect(view.reason != nil)
                #expect(fleet.agents.allSatisfy { $0.running?.description == "web@1.0" })
                #expect(fleet.agents.count { $0.orders.contains { $0.release.description == "web@2.0" } } == 1)
                let release = try await admin.send("GET", "/v1/releases/web/2.0").json(ReleaseView.self)
                #expect(release.environments.first?.revocation?.by == "rollout:\(view.id)")
                let again = try await admin.startRollout(TestFleet.definition("2.0"))
                #expect(again.status == 409)
                #expect(again.problemCode == "controller.conflict.revoked")
                let hosts = try await admin.send("GET", "/v1/hosts").json(ListView<HostView>.self).items
                #expect(hosts.allSatisfy { $0.products.first?.wanted?.text == "1.0" })
            }
        }
    }

    @Test("A controller killed in mid-phase goes on where it stood, and nobody is ordered twice")
    func restart() async throws {
        let test = try TestController()
        let (fleet, id) = try await test.run { running in
            let fleet = try await joined(4, test, running)
            let id = try await fleet.serving(running) { admin in
                _ = try await TestFleet.submit("1.0", by: admin)
                for agent in fleet.agents where agent.host.id.text != "host1" { agent.become(.hangs) }
                let response = try await admin.startRollout(TestFleet.definition("1.0", phased))
                let id = try response.json(RolloutView.self).id
                try await eventually { fleet.agents.contains { $0.host.id.text != "host1" && !$0.orders.isEmpty } }
                return id
            }
            return (fleet, id)
        }
        let second = try #require(fleet.agents.first { $0.host.id.text != "host1" && !$0.orders.isEmpty })
        let before = fleet.agents.map(\.orders.count)
        #expect(before.reduce(0, +) == 2)
        // The one that hung forgets that it had answered: a new life of the same host.
        let revived = TestFleet(test, agents: fleet.agents.map { TestAgent($0.host) })
        try await test.run { running in
            try await revived.serving(running) { admin in
                let view = try await TestFleet.end(of: id, admin)
                #expect(view.state == .succeeded)
            }
        }
        let again = try #require(revived.agents.first { $0.host.id == second.host.id })
        #expect(again.orders.first?.order == second.orders.first?.order)
        let pilot = try #require(revived.agents.first { $0.host.id.text == "host1" })
        #expect(pilot.orders.isEmpty)
        #expect(revived.agents.count { $0.orders.count == 1 } == 3)
    }

    @Test("An order that is outstanding is sent again when the host comes back")
    func reconnect() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(2, test, running)
            let admin = try TestClient(test, running, token: test.adminToken)
            _ = try await TestFleet.submit("1.0", by: admin)
            let first = try #require(fleet.agents.first)
            let serving = first.serve(test, running)
            try await eventually { running.controller.hub.isOnline(first.host.id) }
            let response = try await admin.startRollout(TestFleet.definition("1.0"))
            let id = try response.json(RolloutView.self).id
            try await eventually { !first.orders.isEmpty }
            let last = try #require(fleet.agents.last)
            #expect(last.orders.isEmpty)
            let late = last.serve(test, running)
            #expect(try await TestFleet.end(of: id, admin).state == .succeeded)
            #expect(last.orders.count == 1)
            serving.cancel()
            late.cancel()
            await admin.close()
        }
    }

    @Test("An emergency push takes precedence over a rollout under way, and is signed by the emergency role")
    func emergency() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(3, test, running)
            try await fleet.serving(running) { admin in
                for version in ["1.0", "1.0.1"] { _ = try await TestFleet.submit(version, by: admin) }
                for agent in fleet.agents { agent.become(.hangs) }
                let slow = try await admin.startRollout(TestFleet.definition("1.0", phased))
                let old = try slow.json(RolloutView.self).id
                try await eventually { fleet.agents.contains { !$0.orders.isEmpty } }
                let refused = try await admin.startRollout(TestFleet.definition("1.0.1"))
                #expect(refused.status == 409)
                #expect(refused.problemCode == "rollout.plan.conflict")
                for agent in fleet.agents { agent.become(.obeys) }
                let request = EmergencyPushRequest(
                    release: try ReleaseName("web@1.0.1"), reason: "hole", hosts: .all, change: "CHG-9")
                let pushed = try await admin.post("/v1/emergency-pushes", request)
                #expect(pushed.status == 201, "\(String(decoding: pushed.body, as: UTF8.self))")
                let view = try await TestFleet.end(of: pushed.json(RolloutView.self).id, admin)
                #expect(view.state == .succeeded)
                #expect(view.isEmergency)
                #expect(try await TestFleet.end(of: old, admin).state == .superseded)
                #expect(fleet.agents.allSatisfy { $0.running?.description == "web@1.0.1" })
                let older = try await admin.startRollout(TestFleet.definition("1.0"))
                #expect(older.status == 409)
                #expect(older.problemCode == "controller.conflict.downgrade")
                #expect(fleet.agents.allSatisfy { $0.orders.last?.targetPath == "emergency/web/1.0.1/manifest.json" })
            }
        }
    }

    @Test("A person pauses, resumes and backs out; every host is on what it ran before")
    func verbs() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(3, test, running)
            try await fleet.serving(running) { admin in
                for version in ["1.0", "2.0"] { _ = try await TestFleet.submit(version, by: admin) }
                _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
                for agent in fleet.agents { agent.become(.hangs) }
                let started = try await admin.startRollout(TestFleet.definition("2.0", phased))
                let id = try started.json(RolloutView.self).id
                let paused = try await admin.post("/v1/rollouts/\(id)/pause", RolloutVerbRequest(reason: "look"))
                #expect(try paused.json(RolloutView.self).state == .paused)
                let resumed = try await admin.post("/v1/rollouts/\(id)/resume", RolloutVerbRequest(reason: "fine"))
                #expect(try resumed.json(RolloutView.self).state == .running)
                let second = try await admin.post(
                    "/v1/rollouts/\(id)/abort", RolloutVerbRequest(reason: "no", scope: .rollout))
                #expect(second.status == 200)
                // The pilot had its order and had begun nothing: it was told to drop it.
                #expect(try await TestFleet.end(of: id, admin).state == .backedOut)
                #expect(fleet.agents.allSatisfy { $0.running?.version.text == "1.0" })
                for agent in fleet.agents { agent.become(.obeys) }
                _ = try await TestFleet.submit("2.1", by: admin)
                #expect(try await TestFleet.rollOut(TestFleet.definition("2.1"), by: admin).state == .succeeded)
            }
        }
    }

    @Test("A rollout that succeeded is backed out by a person afterwards")
    func lateBackOut() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(3, test, running)
            try await fleet.serving(running) { admin in
                for version in ["1.0", "2.0"] { _ = try await TestFleet.submit(version, by: admin) }
                _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
                let done = try await TestFleet.rollOut(TestFleet.definition("2.0"), by: admin)
                let response = try await admin.post(
                    "/v1/rollouts/\(done.id)/back-out", RolloutVerbRequest(reason: "customers complain"))
                #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
                try await eventually { fleet.agents.allSatisfy { $0.running?.description == "web@1.0" } }
                let view = try await TestFleet.end(of: done.id, admin)
                #expect(view.state == .backedOut)
            }
        }
    }

    @Test("Verbs that do not fit, unknown names and missing reasons are refused with words")
    func refusals() async throws {
        let test = try TestController()
        try await test.run { running in
            let fleet = try await joined(1, test, running)
            try await fleet.serving(running) { admin in
                #expect(try await admin.startRollout(TestFleet.definition("9.0")).status == 404)
                #expect(try await admin.send("GET", "/v1/rollouts/none").status == 404)
                #expect(try await admin.post("/v1/rollouts/none/pause", RolloutVerbRequest()).status == 404)
                _ = try await TestFleet.submit("1.0", by: admin)
                var production = try TestFleet.definition("1.0")
                production.environment = try EnvironmentName("production")
                let unapproved = try await admin.startRollout(production)
                #expect(unapproved.status == 423)
                let done = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
                #expect(try await admin.post("/v1/rollouts/\(done.id)/pause", RolloutVerbRequest()).status == 409)
                #expect(try await admin.post("/v1/rollouts/\(done.id)/back-out", RolloutVerbRequest()).status == 400)
            }
        }
    }
}
