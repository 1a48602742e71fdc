import AgentProtocol
import ControllerAPI
import Effects
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import ControllerLibrary

extension Controller {
    /// It does nothing more, and tells nobody.
    func dieSilently() {
        isRunning = false
        stopTimer()
        leadership.lease = nil
    }
}

@Suite("Several controllers on one database", .enabled(if: TestPostgres.isInstalled))
struct ClusterTests {
    private func pair() throws -> (TestController, TestController) {
        let first = try TestController(database: TestPostgres.newDatabase())
        return (first, try TestController(beside: first))
    }

    private func admin(_ test: TestController, _ running: TestController.Running) throws -> TestClient {
        try TestClient(test, running, token: test.adminToken)
    }

    @Test("Hosts and people on a standby: it is led from elsewhere, and both say the same")
    func standby() async throws {
        let (first, second) = try pair()
        try await first.run { leader in
            try await second.run { standby in
                // A machine that is busy for longer than the lease lets the lead go over: still one leads, and only one.
                try await eventually { await leader.controller.leads != standby.controller.leads }
                var fleet = TestFleet(second)
                try await fleet.join(2, standby)
                try await fleet.serving(standby) { client in
                    #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                    let view = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
                    #expect(view.state == .succeeded)
                    let other = try admin(first, leader)
                    let hosts = try await other.send("GET", "/v1/hosts").json(ListView<HostView>.self)
                    #expect(hosts.items.map(\.id.text) == ["host1", "host2"])
                    var bodies = ["", ""]
                    try? await eventually {
                        let path = "/v1/rollouts/\(view.id)"
                        bodies = [
                            String(decoding: try await other.send("GET", path).body, as: UTF8.self),
                            String(decoding: try await client.send("GET", path).body, as: UTF8.self),
                        ]
                        return bodies[0] == bodies[1]
                    }
                    #expect(bodies[0] == bodies[1])
                    // Entries may come between two questions; what both have read is the same in the end.
                    var heads: [AuditHead] = []
                    try? await eventually {
                        heads = [
                            try await other.send("GET", "/v1/audit/head").json(AuditHead.self),
                            try await client.send("GET", "/v1/audit/head").json(AuditHead.self),
                        ]
                        return heads[0] == heads[1]
                    }
                    #expect(heads.first == heads.last)
                    await other.close()
                }
            }
        }
    }

    @Test(
        "The loss of the one that leads moves its rollout: it ends on the other within seconds, nothing lost or doubled"
    )
    func takeover() async throws {
        let (first, second) = try pair()
        let leader = try await first.start()
        let led = Mutex<ContinuousClock.Instant?>(nil)
        let listening = Logger(label: "test") { label in
            JSONLogHandler(label: label) { line in
                if line.contains("this controller leads") { led.withLock { $0 = ContinuousClock.now } }
            }
        }
        let standby = try await second.start(logger: listening)
        var fleet = TestFleet(second)
        try await fleet.join(3, standby)
        let view = try await fleet.serving(standby) { client in
            #expect(try await TestFleet.submit("1.0", by: client).status == 201)
            // Phases with time between them: it is under way when its leader dies.
            let definition = try TestFleet.definition(
                "1.0", .phased([.init(size: .count(1), bake: .seconds(15)), .init(size: .percent(100))]))
            let started = try await client.startRollout(definition).json(RolloutView.self)
            try await eventually {
                let seen = try await client.send("GET", "/v1/rollouts/\(started.id)").json(RolloutView.self)
                return seen.phases.first?.state == .baking
            }
            let died = ContinuousClock.now
            await first.kill(leader)
            try await eventually { await standby.controller.leads }
            // When it took the lead, not when we were told: a machine that runs many tests at once takes its time for that.
            let took = try #require(led.withLock { $0 }) - died
            #expect(took < .seconds(15), "\(took)")
            return try await TestFleet.end(of: started.id, client)
        }
        #expect(view.state == .succeeded)
        let entries = try await standby.controller.store.entries(after: 0, limit: 10_000)
        let sent = entries.filter { $0.action == "rollout.orderSent" }
        #expect(sent.count == 3)
        #expect(try await standby.controller.store.verifiedHead().sequence == entries.last?.sequence)
        await second.stop(standby)
    }

    @Test("R48 A controller that was stopped past its lease writes nothing when it wakes up, and goes on as a standby")
    func stoppedPastLease() async throws {
        let (first, second) = try pair()
        // Neither is served: what the loops would do is done here, one step at a time.
        let one = try Controller(directory: first.folder.path)
        let other = try Controller(directory: second.folder.path)
        try await one.resume()
        #expect(await one.leads)
        try await other.resume()
        #expect(await !other.leads)
        // It does not move until the other leads.
        try await eventually {
            await other.keepPlaceOnce()
            return await other.leads
        }
        let end = await other.store.sequence
        #expect(await !one.leads)
        let woken = await #expect(throws: ControllerError.self) {
            try await one.commit(.profileChosen(ProfileChosen(profile: "team")), by: "test", at: one.time.now())
        }
        #expect(woken?.code == "controller.store.fenced")
        await one.drive()
        await one.hearNews()
        await other.hearNews()
        #expect(await other.store.sequence == end)
        // As a standby it is heard again.
        try await one.deciding {
            _ = try await one.commit(.profileChosen(ProfileChosen(profile: "solo")), by: "test", at: one.time.now())
        }
        await other.hearNews()
        #expect(await other.store.sequence == end + 1)
        #expect(await other.state.profile == "solo")
        await one.keepPlaceOnce()
        #expect(await !one.leads)
        await one.close()
        await other.close()
    }

    @Test("A host that goes from one controller to the other is never out of contact for the fleet")
    func moving() async throws {
        let (first, second) = try pair()
        try await first.run { leader in
            try await second.run { standby in
                let host = try await TestHost.join(first, leader)
                await standby.controller.hearNews()
                await leader.controller.contactBegan(host.id)
                await standby.controller.contactBegan(host.id)
                await leader.controller.contactEnded(host.id)
                await leader.controller.hearNews()
                #expect(await leader.controller.onlineHosts.contains(host.id))
                await standby.controller.contactEnded(host.id)
                await leader.controller.hearNews()
                #expect(await !leader.controller.onlineHosts.contains(host.id))
            }
        }
    }

    @Test("What one controller decides about a host or a release is obeyed by the streams of the other at once")
    func standing() async throws {
        let (first, second) = try pair()
        try await first.run { leader in
            try await second.run { standby in
                var fleet = TestFleet(second)
                try await fleet.join(1, standby)
                try await fleet.serving(standby) { _ in
                    let people = try admin(first, leader)
                    let response = try await people.post(
                        "/v1/hosts/host1/revoke", HostReasonRequest(reason: "stolen"))
                    #expect(response.status == 200)
                    try await eventually { await !standby.controller.hub.isOnline(fleet.agents[0].host.id) }
                    await people.close()
                }
            }
        }
    }
}
