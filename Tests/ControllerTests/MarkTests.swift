import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Hosts that are pinned or in maintenance")
struct MarkTests {
    private func mark(
        _ host: String, _ mark: HostMarkKind, _ reason: String, lift: Bool = false, by client: TestClient
    ) async throws -> HTTPResponse {
        try await client.post(
            "/v1/hosts/\(host)/\(lift ? "unmark" : "mark")", HostMarkRequest(mark: mark, reason: reason))
    }

    @Test(
        "A pinned host keeps what it runs: plans say who pinned it, and the next rollout after the pin takes it along")
    func pinned() async throws {
        try await TestFleet.serving(2) { fleet, client, running in
            for version in ["1.0", "1.1", "1.2"] {
                #expect(try await TestFleet.submit(version, by: client).status == 201)
            }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
            #expect(try await mark("host2", .pinned, " ", by: client).problemCode == "controller.request.reason")
            #expect(try await mark("host9", .pinned, "x", by: client).status == 404)
            let marked = try await mark("host2", .pinned, "an audit", by: client).json(HostMarkedView.self)
            #expect(marked.host.marks?.map(\.mark) == [.pinned] && marked.host.labels["pinned"] == "true")
            #expect(marked.skippedIn.isEmpty && marked.goesOnIn.isEmpty)
            let shown = try await client.send("GET", "/v1/hosts?hosts=not%20pinned").json(ListView<HostView>.self)
            #expect(shown.items.map(\.id.text) == ["host1"])
            let plan = try await client.post("/v1/rollouts/plans", TestFleet.definition("1.1"))
                .json(RolloutPlanView.self)
            #expect(plan.warnings.contains { $0.hasPrefix("host2 is left out: pinned since") })
            #expect(try await TestFleet.rollOut(TestFleet.definition("1.1"), by: client).hosts.count == 1)
            #expect(fleet.agents.map { $0.running?.version.text } == ["1.1", "1.0"])
            let why = try await client.send("GET", "/v1/hosts/host2/why?release=web@1.1").json(RolloutWhyView.self)
            let reason = try #require(why.reasons.first { $0.what == "pinned" })
            #expect(reason.remedy?.contains("slipway hosts pin host2 --lift") == true)
            #expect(try await mark("host2", .maintenance, "x", lift: true, by: client).status == 409)
            let lifted = try await mark("host2", .pinned, "it is over", lift: true, by: client)
            #expect(try lifted.json(HostMarkedView.self).host.labels["pinned"] == nil)
            _ = try await TestFleet.rollOut(TestFleet.definition("1.2"), by: client)
            #expect(fleet.agents.allSatisfy { $0.running?.version.text == "1.2" })
            let acts = try await running.controller.store.entries(after: 0, limit: 1000).filter {
                $0.event.object == "host:host2" && $0.event.action.hasSuffix("marked")
            }
            #expect(acts.map(\.event.action) == ["host.marked", "host.unmarked"])
            #expect(acts.allSatisfy { $0.actor == "person:admin" })
        }
    }

    @Test("What has not begun on the host is skipped, what is done is left alone")
    func underWay() async throws {
        try await TestFleet.serving(4) { fleet, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            let watched = RolloutStrategy.phased([
                PhaseDefinition(size: .count(1), bake: .hours(1)), PhaseDefinition(size: .percent(100)),
            ])
            let started = try await client.startRollout(TestFleet.definition("1.0", watched))
            let id = try started.json(RolloutView.self).id
            // By the controller's word: the host has it before that.
            try await eventually {
                try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).hosts.contains {
                    $0.outcome == .succeeded
                }
            }
            let skipped = try await mark("host4", .maintenance, "a new disk", by: client).json(HostMarkedView.self)
            #expect(skipped.skippedIn == [id] && skipped.goesOnIn.isEmpty)
            let done = try await mark("host1", .pinned, "it is the pilot", by: client).json(HostMarkedView.self)
            #expect(done.skippedIn.isEmpty && done.goesOnIn.isEmpty)
            let view = try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self)
            let host = try #require(view.hosts.first { $0.host.text == "host4" })
            #expect(host.outcome == .skipped("person:admin: maintenance: a new disk"))
        }
    }

    @Test("Begun is not skipped: the answer says that it goes on")
    func begun() async throws {
        try await TestFleet.serving(1) { fleet, client, _ in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            fleet.agents[0].become(.hangs)
            let started = try await client.startRollout(TestFleet.definition("1.0"))
            let id = try started.json(RolloutView.self).id
            try await eventually { !fleet.agents[0].orders.isEmpty }
            let marked = try await mark("host1", .pinned, "late", by: client).json(HostMarkedView.self)
            #expect(marked.goesOnIn == [id] && marked.skippedIn.isEmpty)
        }
    }

    @Test("Where every host that is meant is marked, that is the reason; an emergency goes past it")
    func emergency() async throws {
        try await TestFleet.serving(1) { fleet, client, _ in
            for version in ["1.0", "1.0.1"] { #expect(try await TestFleet.submit(version, by: client).status == 201) }
            #expect(try await mark("host1", .maintenance, "a new disk", by: client).status == 200)
            let refused = try await client.startRollout(TestFleet.definition("1.0"))
            #expect(refused.status == 409 && refused.problemCode == "controller.conflict.marked")
            #expect(try refused.json(Problem.self).detail.contains("a new disk"))
            let pushed = try await client.post(
                "/v1/pushes",
                PushRequest(release: ReleaseName("web@1.0"), hosts: .all, environment: EnvironmentName("staging")))
            #expect(pushed.problemCode == "controller.conflict.marked")
            let release = try ReleaseName("web@1.0.1")
            let without = try await client.post(
                "/v1/emergency-pushes",
                EmergencyPushRequest(
                    release: release, reason: "the cure", hosts: HostQuery("not maintenance"),
                    environment: EnvironmentName("staging")))
            #expect(without.problemCode == "rollout.plan.noHosts")
            let push = EmergencyPushRequest(release: release, reason: "the cure", hosts: .all)
            let answer = try await client.post("/v1/emergency-pushes", push)
            #expect(answer.status == 201)
            #expect(try await TestFleet.end(of: answer.json(RolloutView.self).id, client).state == .succeeded)
            #expect(fleet.agents[0].running == release)
        }
    }

    @Test("A mark gives nobody a right: grants go by the labels that people gave")
    func grants() async throws {
        try await TestFleet.serving(1) { _, client, running in
            #expect(try await mark("host1", .pinned, "mine now", by: client).status == 200)
            let host = try #require(await running.controller.state.hosts[HostID("host1")])
            #expect(host.labels["pinned"] == "true")
            #expect(!PermissionScope(hosts: try HostQuery("pinned")).covers(ScopedObject(host)))
            #expect(PermissionScope(hosts: try HostQuery("not pinned")).covers(ScopedObject(host)))
        }
    }
}
