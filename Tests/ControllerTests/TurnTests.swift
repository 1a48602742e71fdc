import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust
import Testing

@testable import ControllerLibrary

extension Controller {
    /// How many orders of a rollout were written into the log.
    fileprivate func ordersSent(_ id: RolloutID) -> Int {
        state.rollouts[id]?.changes.count { $0.kind == "rollout.orderSent" } ?? 0
    }

    /// What one turn of the actor hands out: nothing else has its turn before this returns.
    fileprivate func startCounting(_ definition: RolloutDefinition) throws -> (id: RolloutID, sent: Int) {
        let view = try start(definition, urgency: .ordinary, by: "person:admin") { _ in true }
        return (view.id, ordersSent(view.id))
    }

    fileprivate func startBoth(
        _ definition: RolloutDefinition, _ emergency: EmergencyPushRequest
    ) throws -> (ids: [RolloutID], sent: [Int]) {
        let (first, sent) = try startCounting(definition)
        let second = try emergencyPush(emergency, by: "person:admin").id
        return ([first, second], [sent, ordersSent(first) - sent, ordersSent(second)])
    }
}

@Suite("Turns of the one who decides")
struct TurnTests {
    private static let count = 600
    /// Of these, those that the emergency is for.
    private static let urgent = 200

    /// Many hosts in contact: what one real host's joining wrote, again and again.
    private static func crowd(
        _ time: any TimeDoor = SystemTime(),
        _ body: (TestController.Running, TestClient, [AgentHub.Session]) async throws -> Void
    ) async throws {
        let test = try TestController(time: time)
        try await test.run { running in
            let host = try await TestHost.join(test, running)
            let controller = running.controller
            let entries = try await controller.store.entries(after: 0, limit: 1000)
            let joined = try #require(
                entries.compactMap { if case .hostJoined(let it) = $0.event { it } else { nil } }.last)
            let events = try (1..<count).map { number in
                var one = joined
                one.host = try HostID("crowd-\(number)")
                one.labels = ["tier": number <= urgent ? "first" : "rest"]
                one.key = SHA256Digest(of: Array(one.host.text.utf8))
                one.certificate = one.key
                return NewEvent(actor: "test", event: .hostJoined(one))
            }
            try await controller.commit(StoreChange(events: events), at: test.time.now())
            let sessions = try (0..<count).map {
                try #require(controller.hub.open($0 == 0 ? host.id : HostID("crowd-\($0)")))
            }
            let admin = try TestClient(test, running, token: test.adminToken)
            try await body(running, admin, sessions)
            await admin.close()
        }
    }

    /// The releases that each host was given, in order.
    private static func given(
        _ sessions: [AgentHub.Session], _ controller: Controller
    ) async throws -> [[String]] {
        // Written first, then sent, in the same turn.
        _ = await controller.isRunning
        var all: [[String]] = []
        for session in sessions {
            controller.hub.finish(session)
            var releases: [String] = []
            for await item in session.items {
                guard case .order(.assignment(let envelope), _) = item else { continue }
                let payload = try DSSEEnvelope(json: envelope).payload
                releases.append(try JSONCoding.decode(Assignment.self, from: payload).release.description)
            }
            all.append(releases)
        }
        return all
    }

    @Test("Orders to a crowd go out in turns of a bounded number, each host's once")
    func slices() async throws {
        try await Self.crowd { running, admin, sessions in
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let controller = running.controller
            let (id, sent) = try await controller.startCounting(TestFleet.definition("1.0"))
            #expect(sent == Controller.wordsMax)
            try await eventually { await controller.ordersSent(id) == Self.count }
            let given = try await Self.given(sessions, controller)
            #expect(given == Array(repeating: ["web@1.0"], count: Self.count))
        }
    }

    @Test("An emergency that begins amid a big bang has every turn until its hosts have their orders")
    func emergency() async throws {
        try await Self.crowd { running, admin, sessions in
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let urgent = try TestFleet.archive(version: "1.0.1") {
                $0.replacing("product: web", with: "product: urgent").replacing("/opt/web", with: "/opt/urgent")
            }
            #expect(try await TestFleet.submit(archive: urgent, by: admin).status == 201)
            let controller = running.controller
            let (ids, sent) = try await controller.startBoth(
                TestFleet.definition("1.0"),
                EmergencyPushRequest(
                    release: ReleaseName("urgent@1.0.1"), reason: "test", hosts: try HostQuery("tier=first"),
                    environment: EnvironmentName("staging")))
            #expect(sent == [Controller.wordsMax, 0, Controller.wordsMax])
            try await eventually {
                let (first, second) = await (controller.ordersSent(ids[0]), controller.ordersSent(ids[1]))
                return first == Self.count && second == Self.urgent
            }
            let rollouts = await controller.state.rollouts
            let changes = ids.map { rollouts[$0]?.changes ?? [] }
            let last = changes.map { $0.last { $0.kind == "rollout.orderSent" }?.sequence ?? 0 }
            let ordinary = changes[0].count { $0.kind == "rollout.orderSent" && $0.sequence < last[1] }
            // The rest of the emergency's last turn, and one that was asked for before it began.
            #expect(ordinary <= 3 * Controller.wordsMax)
            #expect(last[1] < last[0])
            let given = try await Self.given(sessions, controller)
            for (number, releases) in given.enumerated() {
                #expect(
                    Set(releases) == ((1...Self.urgent).contains(number) ? ["web@1.0", "urgent@1.0.1"] : ["web@1.0"]))
                #expect(releases.count == Set(releases).count)
            }
        }
    }

    @Test("A rollout that cannot be carried out waits by itself: the others' turns go on at once")
    func pause() async throws {
        let time = ManualTime(now: SystemTime().now())
        try await Self.crowd(time) { running, admin, sessions in
            #expect(try await TestFleet.submit("1.0", by: admin).status == 201)
            let stuck = try TestFleet.archive(version: "1.0") {
                $0.replacing("product: web", with: "product: stuck").replacing("/opt/web", with: "/opt/stuck")
            }
            #expect(try await TestFleet.submit(archive: stuck, by: admin).status == 201)
            let controller = running.controller
            var definition = try TestFleet.definition("1.0")
            definition.release = try ReleaseName("stuck@1.0")
            definition.hosts = try HostQuery("tier=first")
            // One of them fetches: the channel speaks to it.
            let inventory = HostInventory(
                agentVersion: "1", machineID: "m", delivery: .pull, checkInterval: .minutes(5), installed: [])
            let report = HostReport(sequence: 1, at: time.now(), body: .inventory(inventory))
            let stored = StoredReport(host: try HostID("crowd-1"), report: report, receivedAt: time.now())
            try await controller.commit(StoreChange(reports: [stored]), at: time.now())
            // What its channel must say has no place to be written.
            let place = try controller.folder.repository().directory("director")
            let product = try ProductName("stuck")
            let channel = "\(ChannelName(environment: try EnvironmentName("staging"), product: product)).json"
            if try place.status(channel) != nil { try place.removeFile(channel) }
            try place.createDirectory(channel)
            try place.directory(channel).writeDurably("x", [])
            let (first, sent) = try await controller.startCounting(definition)
            #expect(sent == 0)
            #expect(await controller.pausedRollouts.keys.sorted() == [first])
            // No time passes: nobody is let on by a retry.
            let (second, _) = try await controller.startCounting(TestFleet.definition("1.0"))
            try await eventually { await controller.ordersSent(second) == Self.count - 1 }
            #expect(await controller.pausedRollouts.keys.sorted() == [first])
            try place.removeTree(channel)
            try await eventually {
                time.advance(by: .seconds(1))
                return await controller.pausedRollouts.isEmpty
            }
            #expect(try place.status(channel)?.kind == .file)
        }
    }
}
