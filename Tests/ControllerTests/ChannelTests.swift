import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Channels of pulling hosts")
struct ChannelTests {
    /// A pulling host: says so in its inventory, and reports what the test tells it to.
    private final class Puller {
        let host: TestHost
        let client: TestClient
        private var sequence: Int64 = 0

        init(_ test: TestController, _ running: TestController.Running) async throws {
            host = try await TestHost.join(test, running)
            client = try host.client(test, running)
            try await report(
                .inventory(
                    HostInventory(
                        agentVersion: "1", machineID: "m", delivery: .pull, checkInterval: .seconds(1), installed: [])))
        }

        func report(_ body: HostReportBody) async throws {
            sequence += 1
            let report = HostReport(sequence: sequence, at: SystemTime().now(), body: body)
            let response = try await client.post("/v1/agent/reports", HostReportBatch(reports: [report]))
            #expect(response.status == 200)
        }

        func end(_ word: Assignment, _ outcome: HostOutcome, running: Assignment?) async throws {
            let installed = running.map {
                InstalledRelease(release: $0.release, manifest: $0.manifest, isHealthy: true)
            }
            try await report(
                .outcome(
                    OrderOutcome(order: word.order, release: word.release, outcome: outcome, running: installed)))
        }

        /// What the channel says now, once `condition` holds.
        func word(where condition: (Assignment) -> Bool) async throws -> Assignment {
            var found: Assignment?
            try await eventually {
                let response = try await client.send("GET", "/repository/director/staging.web.json")
                guard response.status == 200 else { return false }
                let envelope = try DSSEEnvelope(json: JSONValue(parsing: response.body))
                let word = try JSONCoding.decode(Assignment.self, from: envelope.payload)
                found = word
                return condition(word)
            }
            return try #require(found)
        }
    }

    @Test("A pulling host that was revoked is not meant by its channel any more; others are")
    func revokedHost() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await Puller(test, running)
            _ = try await TestFleet.submit("1.0", by: admin)
            let first = try await start("1.0", admin)
            let word = try await puller.word { $0.addresses(host: puller.host.id) && $0.order.rollout == first }
            try await puller.end(word, .succeeded, running: word)
            let everyone = HostID(unchecked: "never-enrolled")
            _ = try await puller.word { $0.addresses(host: everyone) }
            let reason = HostReasonRequest(reason: "stolen")
            #expect(try await admin.post("/v1/hosts/\(puller.host.id)/revoke", reason).status == 200)
            _ = try await puller.word { !$0.addresses(host: puller.host.id) && $0.addresses(host: everyone) }
            await admin.close()
            await puller.client.close()
        }
    }

    @Test(
        "After a back-out the channel names the last good release again and revokes the bad one, also after a restart")
    func backOut() async throws {
        let test = try TestController()
        let (bad, good) = try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await Puller(test, running)
            for version in ["1.0", "2.0"] { _ = try await TestFleet.submit(version, by: admin) }
            let first = try await start("1.0", admin)
            let good = try await puller.word { $0.addresses(host: puller.host.id) && $0.order.rollout == first }
            try await puller.end(good, .succeeded, running: good)
            #expect(try await TestFleet.end(of: first, admin).state == .succeeded)
            let everyone = try await puller.word { $0.addresses(host: HostID(unchecked: "never-enrolled")) }
            #expect(everyone.order == good.order)
            let second = try await start("2.0", admin, .phased([PhaseDefinition(size: .count(1))]))
            let bad = try await puller.word { $0.addresses(host: puller.host.id) && $0.order.rollout == second }
            #expect(bad.counter > good.counter)
            try await puller.end(bad, .backedOut(.health), running: good)
            #expect(try await TestFleet.end(of: second, admin).state == .backedOut)
            let word = try await puller.word { $0.order == good.order }
            #expect(word.revoked == [bad.manifest])
            #expect(word.counter > bad.counter)
            await admin.close()
            await puller.client.close()
            return (bad, good)
        }
        try await test.run { running in
            let client = try TestClient(test, running)
            let response = try await client.send("GET", "/repository/director/staging.web.json")
            let envelope = try DSSEEnvelope(json: JSONValue(parsing: response.body))
            let word = try JSONCoding.decode(Assignment.self, from: envelope.payload)
            #expect(word.order == good.order)
            #expect(word.revoked == [bad.manifest])
            await client.close()
        }
    }

    @Test("A freeze takes a channel's offer back until it is lifted, also that of a rollout that is over")
    func frozen() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await Puller(test, running)
            _ = try await TestFleet.submit("1.0", by: admin)
            let first = try await start("1.0", admin)
            let word = try await puller.word { $0.addresses(host: puller.host.id) && $0.order.rollout == first }
            try await puller.end(word, .succeeded, running: word)
            let everyone = HostID(unchecked: "never-enrolled")
            let offered = try await puller.word { $0.addresses(host: everyone) }
            #expect(try await admin.post("/v1/freezes", FreezeRequest(reason: "stop")).status == 201)
            let frozen = try await puller.word { !$0.addresses(host: everyone) }
            #expect(frozen.counter > offered.counter && frozen.order == offered.order)
            #expect(try await admin.post("/v1/freezes/f1/lift", ReasonRequest(reason: "go")).status == 200)
            _ = try await puller.word { $0.addresses(host: everyone) }
            await admin.close()
            await puller.client.close()
        }
    }

    @Test("A release that a person revokes is revoked in its channel at once, and its rollout halts")
    func revokedByHand() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await Puller(test, running)
            _ = try await TestFleet.submit("1.0", by: admin)
            let id = try await start("1.0", admin)
            let word = try await puller.word { $0.addresses(host: puller.host.id) }
            let request = RevocationRequest(environment: try EnvironmentName("staging"), reason: "wrong")
            #expect(try await admin.post("/v1/releases/web/1.0/revoke", request).status == 200)
            _ = try await puller.word { $0.revoked == [word.manifest] }
            let view = try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self)
            #expect(view.state == .halted)
            await admin.close()
            await puller.client.close()
        }
    }

    private func start(
        _ version: String, _ admin: TestClient, _ strategy: RolloutStrategy = .bigBang
    ) async throws -> RolloutID {
        let response = try await admin.startRollout(TestFleet.definition(version, strategy))
        try #require(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
        return try response.json(RolloutView.self).id
    }
}
