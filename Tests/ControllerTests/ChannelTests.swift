import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Channels of pulling hosts")
struct ChannelTests {
    /// A pulling host: says so in its inventory, and reports what the test tells it to.
    final class Puller {
        let host: TestHost
        let client: TestClient
        private var sequence: Int64 = 0

        init(
            _ test: TestController, _ running: TestController.Running, channels: [ChannelName]? = nil
        ) async throws {
            host = try await TestHost.join(test, running)
            client = try host.client(test, running)
            try await follow(channels)
        }

        func follow(_ channels: [ChannelName]?) async throws {
            try await report(
                .inventory(
                    HostInventory(
                        agentVersion: "1", machineID: "m", delivery: .pull, checkInterval: .seconds(1), installed: [],
                        channels: channels)))
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

    @Test("A pulling host that is pinned is not meant by its channel until the pin is lifted; others are")
    func pinnedHost() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let pullers = [try await Puller(test, running), try await Puller(test, running)]
            let (free, pinned) = (pullers[0].host.id, pullers[1].host.id)
            _ = try await TestFleet.submit("1.0", by: admin)
            let request = HostMarkRequest(mark: .pinned, reason: "an audit")
            #expect(try await admin.post("/v1/hosts/\(pinned)/mark", request).status == 200)
            let id = try await start("1.0", admin)
            let word = try await pullers[0].word { $0.addresses(host: free) && $0.order.rollout == id }
            #expect(!word.addresses(host: pinned))
            try await pullers[0].end(word, .succeeded, running: word)
            let everyone = HostID(unchecked: "never-enrolled")
            _ = try await pullers[0].word { $0.addresses(host: everyone) && !$0.addresses(host: pinned) }
            #expect(try await admin.post("/v1/hosts/\(pinned)/unmark", request).status == 200)
            _ = try await pullers[0].word { $0.addresses(host: everyone) && $0.addresses(host: pinned) }
            await admin.close()
            for puller in pullers { await puller.client.close() }
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
            let done = try await TestFleet.end(of: first, admin)
            #expect(done.state == .succeeded && done.endedAt != nil)
            let everyone = try await puller.word { $0.addresses(host: HostID(unchecked: "never-enrolled")) }
            #expect(everyone.order == good.order)
            let second = try await start("2.0", admin, .phased([PhaseDefinition(size: .count(1))]))
            let bad = try await puller.word { $0.addresses(host: puller.host.id) && $0.order.rollout == second }
            #expect(bad.counter > good.counter)
            try await puller.end(bad, .backedOut(.health), running: good)
            #expect(try await TestFleet.end(of: second, admin).state == .backedOut)
            let later = try await TestFleet.end(of: first, admin)
            #expect(later.endedAt == done.endedAt, "what came after it is not its end")
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

    @Test(
        "A pulling host that was out of reach until a back-out had ended is ordered back by name, until it has gone back"
    )
    func leftBehind() async throws {
        let time = ManualTime(now: SystemTime().now())
        let test = try TestController(time: time)
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let one = try await Puller(test, running)
            let two = try await Puller(test, running)
            for version in ["1.0", "2.0"] { _ = try await TestFleet.submit(version, by: admin) }
            let first = try await start("1.0", admin)
            let good = try await one.word { $0.order.rollout == first && $0.addresses(host: two.host.id) }
            for puller in [one, two] { try await puller.end(good, .succeeded, running: good) }
            #expect(try await TestFleet.end(of: first, admin).state == .succeeded)

            let second = try await start("2.0", admin)
            let bad = try await one.word { $0.order.rollout == second && $0.addresses(host: two.host.id) }
            for puller in [one, two] { try await puller.end(bad, .succeeded, running: bad) }
            #expect(try await TestFleet.end(of: second, admin).state == .succeeded)
            let verb = RolloutVerbRequest(reason: "wrong")
            #expect(try await admin.post("/v1/rollouts/\(second)/back-out", verb).status == 200)
            let back = try await one.word { $0.order == OrderID(rollout: second, action: .backOut) }
            let gone = OrderOutcome(
                order: back.order, release: bad.release, outcome: .backedOut(nil),
                running: InstalledRelease(release: good.release, manifest: good.manifest, isHealthy: true))
            try await one.report(.outcome(gone))
            // The other is not heard of again, and the back-out ends without it.
            try await eventually {
                time.advance(by: .minutes(5))
                return try await shown(second, admin).state == .backedOut
            }
            let word = try await one.word { $0.order == good.order }
            let left = TakenBackRelease(
                order: back.order, release: bad.release, manifest: bad.manifest, hosts: [two.host.id])
            #expect(word.takenBack == [left] && word.revoked == [bad.manifest])
            let host = try await admin.send("GET", "/v1/hosts/\(two.host.id)").json(HostView.self)
            #expect(host.products.first?.isRevoked == true)

            // It is back, hears it, and has gone back.
            try await two.report(.outcome(gone))
            let last = try await one.word { $0.order == good.order && $0.takenBack == nil }
            #expect(last.counter > word.counter)
            let view = try await shown(second, admin)
            #expect(view.hosts.first { $0.host == two.host.id }?.outcome == .backedOut(nil))
            await admin.close()
            for puller in [one, two] { await puller.client.close() }
        }
    }

    @Test("Hosts that run a release revoked by hand are listed until none does, and nobody is ordered back by it")
    func revokedAndRunning() async throws {
        let test = try TestController()
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await Puller(test, running)
            for version in ["1.0", "2.0"] { _ = try await TestFleet.submit(version, by: admin) }
            var words: [Assignment] = []
            for version in ["1.0", "2.0"] {
                let id = try await start(version, admin)
                let word = try await puller.word { $0.order.rollout == id }
                try await puller.end(word, .succeeded, running: word)
                #expect(try await TestFleet.end(of: id, admin).state == .succeeded)
                words.append(word)
            }
            func findings() async throws -> [DoctorFinding] {
                try await admin.send("GET", "/v1/doctor").json(DoctorReport.self).findings.filter { $0.check == .hosts }
            }
            #expect(try await findings().map(\.level) == [.good])
            let request = RevocationRequest(environment: try EnvironmentName("staging"), reason: "wrong")
            #expect(try await admin.post("/v1/releases/web/2.0/revoke", request).status == 200)
            let found = try #require(try await findings().first)
            #expect(found.level == .warning && found.summary.contains("\(puller.host.id)"), "\(found)")
            #expect(found.remedy == "slipway rollout back-out \(words[1].order.rollout) --reason …")
            let notices = await running.controller.notices()
            let isTold = notices.contains { $0.text == "\(found.summary)." && $0.command == found.remedy }
            #expect(isTold, "\(found.summary)\n\(notices)")
            let word = try await puller.word { $0.revoked == [words[1].manifest] }
            #expect(word.takenBack == nil)
            let back = OrderID(rollout: words[1].order.rollout, action: .backOut)
            try await puller.report(
                .outcome(
                    OrderOutcome(
                        order: back, release: words[1].release, outcome: .backedOut(nil),
                        running: InstalledRelease(
                            release: words[0].release, manifest: words[0].manifest, isHealthy: true))))
            #expect(try await findings().map(\.level) == [.good])
            await admin.close()
            await puller.client.close()
        }
    }

    @Test("Hosts that report to nobody have the file of their channels where controller.json names these")
    func namedSets() async throws {
        let test = try TestController()
        let channels = try ["production.web", "production.db"].map { try ChannelName($0) }
        try test.configure { $0.channelSets = [channels, [channels[0]]] }
        try await test.run { running in
            let client = try TestClient(test, running)
            let set = try #require(ChannelSet(channels))
            #expect(try await client.send("GET", "/repository/" + RepositoryLayout.set(set)).status == 200)
            await client.close()
        }
    }

    @Test("A host's several channels have one file, which follows their words, and goes with the last host of the set")
    func sets() async throws {
        let test = try TestController()
        let channels = try ["staging.web", "staging.shop"].map { try ChannelName($0) }
        let set = try #require(ChannelSet(channels))
        try await test.run { running in
            let admin = try TestClient(test, running, token: test.adminToken)
            let puller = try await Puller(test, running, channels: channels)
            func digests() async throws -> JSONValue? {
                let response = try await puller.client.send("GET", "/repository/" + RepositoryLayout.set(set))
                return response.status == 200 ? try JSONValue(parsing: response.body)["channels"] : nil
            }
            let silent = try #require(try await digests())
            #expect(silent.objectValue?.isEmpty == true)
            _ = try await TestFleet.submit("1.0", by: admin)
            let id = try await start("1.0", admin)
            _ = try await puller.word { $0.order.rollout == id }
            try await eventually {
                let bytes = try await puller.client.send("GET", "/repository/director/staging.web.json").body
                let said = try await digests()
                return said?["staging.web"]?.stringValue == SHA256Digest(of: bytes).hex && said?["staging.shop"] == nil
            }
            // Another of the same set changes nothing; the last one that leaves it takes the file along.
            let second = try await Puller(test, running, channels: channels.reversed())
            try await puller.follow(channels.prefix(1) + [try ChannelName("staging.db")])
            #expect(try await digests() != nil)
            try await second.follow(nil)
            try await puller.follow([try ChannelName("staging.other"), try ChannelName("staging.web")])
            #expect(try await digests() == nil)
            await admin.close()
            for one in [puller, second] { await one.client.close() }
        }
    }

    private func shown(_ id: RolloutID, _ admin: TestClient) async throws -> RolloutView {
        try await admin.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self)
    }

    private func start(
        _ version: String, _ admin: TestClient, _ strategy: RolloutStrategy = .bigBang
    ) async throws -> RolloutID {
        let response = try await admin.startRollout(TestFleet.definition(version, strategy))
        try #require(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
        return try response.json(RolloutView.self).id
    }

    @Test("A push where all hosts pull or are away is refused, and says how they are reached")
    func push() async throws {
        let test = try TestController()
        try await test.run { running in
            _ = try await Puller(test, running)
            _ = try await TestHost.join(test, running)
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let refused = try await admin.post(
                "/v1/pushes",
                PushRequest(release: ReleaseName("web@1.0"), hosts: .all, environment: EnvironmentName("staging")))
            #expect(refused.problemCode == "controller.conflict.noneConnected", "\(refused)")
            let detail = try refused.json(Problem.self).detail
            #expect(detail.contains("2 hosts of staging") && detail.contains("1 pull, 1 are away"), "\(detail)")
        }
    }
}
