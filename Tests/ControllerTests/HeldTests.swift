import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// What an operator found: remedies that were dead ends, and holds that were lost.
@Suite("Hosts left behind, channels held")
struct HeldTests {
    private static let pilotFirst = RolloutStrategy.phased([
        PhaseDefinition(size: .count(1), promotion: .manual), PhaseDefinition(size: .percent(100)),
    ])
    private static let channel = RolloutStrategy.continuous([PhaseDefinition(size: .percent(100))])

    private func state(of id: RolloutID, _ admin: TestClient) async throws -> ControllerAPI.RolloutState {
        try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self).state
    }

    private func verb(
        _ verb: String, _ id: RolloutID, scope: BackOutScope? = nil, _ admin: TestClient
    ) async throws -> HTTPResponse {
        try await admin.post("/v1/rollouts/\(id)/\(verb)", RolloutVerbRequest(reason: "as asked", scope: scope))
    }

    @Test("Stopped after the pilot, started again and aborted: the remedy that doctor names takes the pilot back")
    func leftBehind() async throws {
        try await TestFleet.serving(3) { fleet, admin, running in
            for version in ["1.0", "2.0"] { _ = try await TestFleet.submit(version, by: admin) }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
            let definition = try TestFleet.definition("2.0", Self.pilotFirst)
            let first = try await admin.startRollout(definition).json(RolloutView.self).id
            try await eventually { try await state(of: first, admin) == .paused }
            #expect(try await verb("stop", first, admin).status == 200)
            #expect(try await TestFleet.end(of: first, admin).state == .stopped)

            let second = try await admin.startRollout(definition).json(RolloutView.self).id
            try await eventually { try await state(of: second, admin) == .halted }
            // As long as the second has the hosts, the first cannot take them back; the remedy says so.
            #expect(try await verb("back-out", first, admin).problemCode == "rollout.verb.superseded")
            #expect(try await verb("abort", second, scope: .rollout, admin).status == 200)
            _ = try await TestFleet.end(of: second, admin)
            #expect(fleet.agents.map { $0.running?.version.text } == ["2.0", "1.0", "1.0"])

            let nothing = try await verb("back-out", second, admin)
            #expect(nothing.problemCode == "rollout.verb.nothingToBackOut")
            let left = await running.controller.state.revokedStillRunning()
            #expect(left.map(\.remedy) == ["slipway rollout back-out \(first) --reason …"])
            #expect(try await verb("back-out", first, admin).status == 200)
            #expect(try await TestFleet.end(of: first, admin).state == .backedOut)
            try await eventually { fleet.agents.allSatisfy { $0.running?.version.text == "1.0" } }
            try await eventually { await running.controller.state.revokedStillRunning().isEmpty }
            // Nor does the second say so any more, which had only found it there.
            let shown = try await admin.send("GET", "/v1/rollouts/\(second)").json(RolloutView.self)
            #expect(shown.stillRunning == [])
            let hosts = try await admin.send("GET", "/v1/hosts").json(ListView<HostView>.self).items
            #expect(hosts.allSatisfy { $0.products.first?.wanted?.text == "1.0" })
        }
    }

    @Test("A back-out that was paused does not go on against a newer rollout that has all its hosts")
    func heldBackOut() async throws {
        try await TestFleet.serving(2) { fleet, admin, _ in
            for version in ["1.0", "2.0", "3.0"] { _ = try await TestFleet.submit(version, by: admin) }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
            let second = try await TestFleet.rollOut(TestFleet.definition("2.0"), by: admin).id
            for agent in fleet.agents { agent.become(.stalls) }
            #expect(try await verb("back-out", second, scope: .rollout, admin).status == 200)
            // The first of the wave has its order, says so, and says no more.
            try await eventually {
                let view = try await admin.send("GET", "/v1/rollouts/\(second)").json(RolloutView.self)
                return view.hosts.contains { $0.order?.action == .backOut && $0.step == .received }
            }
            #expect(try await verb("pause", second, admin).status == 200)
            for agent in fleet.agents { agent.become(.obeys) }
            let third = try await TestFleet.rollOut(TestFleet.definition("3.0"), by: admin)
            #expect(third.state == .succeeded)
            #expect(try await state(of: second, admin) == .backOutFailed)
            #expect(try await verb("resume", second, admin).status == 409)
            #expect(fleet.agents.allSatisfy { $0.running?.version.text == "3.0" })
            let hosts = try await admin.send("GET", "/v1/hosts").json(ListView<HostView>.self).items
            #expect(hosts.allSatisfy { $0.products.first?.wanted?.text == "3.0" })
        }
    }

    @Test("A newer rollout that ended before a host's turn leaves it to the one that brought what it runs")
    func leftByStopped() async throws {
        try await TestFleet.serving(3) { fleet, admin, running in
            for version in ["1.0", "2.0", "3.0"] { _ = try await TestFleet.submit(version, by: admin) }
            _ = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: admin)
            let second = try await TestFleet.rollOut(TestFleet.definition("2.0"), by: admin).id
            let third = try await admin.startRollout(TestFleet.definition("3.0", Self.pilotFirst))
                .json(RolloutView.self).id
            try await eventually { try await state(of: third, admin) == .paused }
            _ = try await admin.post(
                "/v1/releases/web/2.0/revoke",
                RevocationRequest(environment: EnvironmentName("staging"), reason: "hole"))
            let held = await running.controller.state.revokedStillRunning()
            #expect(held.map(\.remedy.description).first?.contains("slipway rollout stop \(third)") == true)
            #expect(try await verb("stop", third, admin).status == 200)
            _ = try await TestFleet.end(of: third, admin)
            let left = await running.controller.state.revokedStillRunning()
            #expect(left.map(\.remedy) == ["slipway rollout back-out \(second) --reason …"])
            #expect(try await verb("back-out", second, admin).status == 200)
            _ = try await TestFleet.end(of: second, admin)
            try await eventually { fleet.agents.map { $0.running?.version.text } == ["3.0", "1.0", "1.0"] }
        }
    }

    @Test("A person's hold of a channel outlasts a rollout by hand; resume lets the newest release start")
    func holdOutlasts() async throws {
        try await TestFleet.serving(2) { fleet, admin, running in
            for version in ["1.0", "1.1"] { _ = try await TestFleet.submit(version, by: admin) }
            let channel = try await TestFleet.rollOut(TestFleet.definition("1.0", Self.channel), by: admin).id
            // It has nothing in flight, and starts the release that is newer by itself.
            try await eventually { await running.controller.state.rolloutOrder.count == 2 }
            let newest = try #require(await running.controller.state.rolloutOrder.last)
            _ = try await TestFleet.end(of: newest, admin)

            let older = try await verb("pause", channel, admin)
            #expect(older.problemCode == "controller.conflict.channel")
            let held = try await verb("pause", newest, admin)
            // A second hold changes nothing, whatever its verb: the first stands until it is lifted.
            let again = try await verb("halt", newest, admin)
            #expect(try again.json(RolloutView.self).sequence == held.json(RolloutView.self).sequence)
            #expect(try held.json(RolloutView.self).reason?.contains("slipway rollout resume \(newest)") == true)
            for version in ["1.2", "1.3"] { _ = try await TestFleet.submit(version, by: admin) }
            let byHand = try await TestFleet.rollOut(TestFleet.definition("1.2"), by: admin).id
            // The channel has gone on since: the first of it says nothing of who holds it.
            let first = try await admin.send("GET", "/v1/rollouts/\(channel)").json(RolloutView.self)
            #expect(first.reason?.contains("holds the channel") != true)
            let freeze = try await admin.post(
                "/v1/freezes", FreezeRequest(reason: "audit"))
            let frozen = try freeze.json(FreezeView.self).id
            #expect(try await admin.post("/v1/freezes/\(frozen)/lift", ReasonRequest(reason: "done")).status == 200)
            #expect(await running.controller.state.rolloutOrder == [channel, newest, byHand])
            #expect(fleet.agents.allSatisfy { $0.running?.version.text == "1.2" })

            #expect(try await verb("resume", newest, admin).status == 200)
            try await eventually { fleet.agents.allSatisfy { $0.running?.version.text == "1.3" } }
            #expect(try await verb("resume", newest, admin).status == 409)
        }
    }
}
