import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// The way back of docs/operations.md, “A damaged record”, walked with the real program on a record of real rollouts.
@Suite("A damaged record is recovered as the handbook says", .serialized)
struct RecoveryTests {
    /// scripts/faults takes as many entries as some years make, of which 10 are a tenth; a sample has a few.
    private static let entryCount: Int64 =
        ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"]
        .flatMap { Int64($0) }.map { 200_000 / max(1, $0) } ?? 1000
    private static let limit = Duration.seconds(300)

    enum Damage: String, CaseIterable {
        case cut, changed, gone
        /// The write-ahead log: with a backup to go back to, and without one.
        case logGone, logGoneWithoutBackup
        /// It was put elsewhere, and is found.
        case logMoved
    }

    /// A controller with a long history, its backup, and its folder as SIGKILL left it a few decisions later.
    private struct Sample {
        let test: TestController
        let around: TemporaryFolder
        var backup: String { around.path + "/backup" }
        /// Of the log in the backup.
        var backedUp: Int64 = 0
        /// That a person was told are decided.
        var end: Int64 = 0
        var rolloutCount = 0
    }

    @Test(
        "Cut, changed or gone, with its log or without: it says so, and serves again within five minutes by what is written"
    )
    func recovered() async throws {
        let sample = try await makeSample()
        let commands = try Self.commands()
        for damage in Damage.allCases {
            let took = try await recover(sample, damage, commands)
            #expect(took < Self.limit, "\(damage): \(took)")
            print("faults: recovery: \(damage.rawValue): \(Self.entryCount) entries, \(took)")
        }
    }

    /// The lines of the handbook that are to be typed, in its order.
    private static func commands() throws -> [String] {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let text = try String(contentsOfFile: root + "/docs/operations.md", encoding: .utf8)
        let section = try #require(
            text.split(separator: "\n## A damaged record\n").last?.split(separator: "\n## ").first)
        let lines = section.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let commands = lines.filter { $0.hasPrefix("slipway-controller ") }
        try #require(commands.count == 3, "a restore; a backup of what is left, and its restore: \(commands)")
        return commands
    }

    // MARK: the record

    private func makeSample() async throws -> Sample {
        var sample = Sample(test: try TestController(), around: try TemporaryFolder())
        let test = sample.test
        let played = try await test.run { running -> RolloutID in
            var fleet = TestFleet(test)
            try await fleet.join(3, running)
            return try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                let view = try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client)
                #expect(view.state == .succeeded)
                return view.id
            }
        }
        sample.backedUp = try Self.lengthen(test.folder.path + "/events.sqlite", by: played)
        try await Self.run(["slipway-controller", "backup", "--dir", test.folder.path, "--output", sample.backup])
        let controller = try RealController(folder: test.folder.path)
        let client = try TestClient(test, port: try await Self.port(of: controller), token: test.adminToken)
        let head = try await client.send("GET", "/v1/audit/head", timeout: .minutes(5)).json(AuditHead.self)
        #expect(head.sequence >= Self.entryCount)
        for name in ["one", "two"] {
            let request = InvitationRequest(
                environment: try EnvironmentName("staging"), labels: ["name": name], uses: 1, lifetime: .minutes(10))
            #expect(try await client.post("/v1/hosts/invitations", request).status == 201)
        }
        sample.end = try await client.send("GET", "/v1/audit/head", timeout: .minutes(5)).json(AuditHead.self).sequence
        sample.rolloutCount = try await Self.rolloutCount(client)
        await client.close()
        try await controller.end()
        return sample
    }

    /// The entries and reports of a rollout that was played, again and again under other names.
    /// - Returns: the last entry.
    private static func lengthen(_ path: String, by played: RolloutID) throws -> Int64 {
        let store = try SQLiteStore(path: path)
        var (reports, last) = ([StoredReport](), [HostID: Int64]())
        try store.replay(
            event: { _ in },
            report: {
                reports.append($0)
                last[$0.host] = $0.report.sequence
            })
        let lines = try store.lines(after: 0, limit: 1000).map { String(decoding: $0.bytes, as: UTF8.self) }
        let templates = lines.filter { $0.contains(played.text) && !$0.contains("release.submitted") }
        let bodies = try reports.map {
            (host: $0.host, text: String(decoding: try JSONCoding.value(of: $0.report).wireBytes, as: UTF8.self))
        }
        .filter { $0.text.contains(played.text) }
        try #require(templates.count > 10 && bodies.count >= 3, "\(templates.count) entries, \(bodies.count) reports")
        var number = 0
        while store.sequence < entryCount {
            var change = StoreChange(events: [], reports: [])
            for _ in 0..<20 {
                number += 1
                let name = "r\(1000 + number)-0000"
                for template in templates {
                    let entry = try JSONCoding.decode(
                        EventEntry.self, from: Array(template.replacing(played.text, with: name).utf8))
                    change.events.append(NewEvent(actor: entry.actor, event: entry.event))
                }
                for body in bodies {
                    var report = try JSONCoding.decode(
                        HostReport.self, from: Array(body.text.replacing(played.text, with: name).utf8))
                    last[body.host, default: 0] += 1
                    report.sequence = last[body.host] ?? 0
                    change.reports.append(StoredReport(host: body.host, report: report, receivedAt: report.at))
                }
            }
            _ = try store.append(change, expecting: store.sequence, at: SystemTime().now())
        }
        store.close()
        return store.sequence
    }

    // MARK: the drill

    /// - Returns: from the controller's refusal to start until another one serves what there is.
    private func recover(_ sample: Sample, _ damage: Damage, _ commands: [String]) async throws -> Duration {
        let around = try TemporaryFolder()
        let (dir, new, left) = (around.path + "/dir", around.path + "/new", around.path + "/left")
        try FileManager.default.copyItem(atPath: sample.test.folder.path, toPath: dir)
        try harm(dir, damage)

        let began = ContinuousClock.now
        let refused = try RealController(folder: dir)
        try await eventually(within: 300) { refused.isOver || refused.port != nil }
        let words = refused.log
        #expect(refused.port == nil, "\(damage)")
        #expect(words.contains("controller.store.") && words.contains("slipway-controller restore --from"), "\(words)")
        try await refused.end()

        let steps: [String]
        switch damage {
        case .cut, .changed, .gone, .logGone: steps = [commands[0]]
        case .logGoneWithoutBackup: steps = Array(commands[1...])
        case .logMoved:
            steps = []
            try FileManager.default.moveItem(atPath: dir + "/moved", toPath: dir + "/events.sqlite-wal")
        }
        let places = ["BACKUP": sample.backup, "NEW": new, "LEFT": left, "DIR": dir]
        for step in steps { try await Self.run(step.split(separator: " ").map { places[String($0)] ?? String($0) }) }
        let controller = try RealController(folder: steps.isEmpty ? dir : new)
        let client = try TestClient(
            sample.test, port: try await Self.port(of: controller), token: sample.test.adminToken)
        try await eventually(within: 300) { try await client.send("GET", "/readyz").status == 200 }
        // It reads the whole chain again.
        let head = try await client.send("GET", "/v1/audit/head", timeout: .minutes(5)).json(AuditHead.self)
        let took = ContinuousClock.now - began

        let least = steps.isEmpty ? sample.end : sample.backedUp + 1_000_000
        #expect(head.sequence >= least, "\(damage): \(head.sequence), not \(least)")
        #expect(try await client.send("GET", "/v1/hosts").json(ListView<HostView>.self).items.count == 3, "\(damage)")
        #expect(try await Self.rolloutCount(client) == sample.rolloutCount, "\(damage)")
        await client.close()
        try await controller.end()
        return took
    }

    private func harm(_ dir: String, _ damage: Damage) throws {
        let files = FileManager.default
        let path = dir + "/events.sqlite"
        switch damage {
        case .cut, .changed:
            let file = try Directory.open(dir).updateFile("events.sqlite")
            let middle = try file.size().value / 2
            if damage == .cut {
                try file.truncate(to: ByteCount(middle))
            } else {
                try file.write([UInt8](repeating: 0xA5, count: 512), at: middle / 4096 * 4096 + 2048)
            }
        case .gone: try files.removeItem(atPath: path)
        case .logGone, .logGoneWithoutBackup: try files.removeItem(atPath: path + "-wal")
        case .logMoved: try files.moveItem(atPath: path + "-wal", toPath: dir + "/moved")
        }
        // SQLite makes it anew of the other two.
        try? files.removeItem(atPath: path + "-shm")
    }

    // MARK: the programs

    /// One to its end.
    private static func run(_ words: [String]) async throws {
        try #require(words.first == "slipway-controller")
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: RealController.program, arguments: Array(words.dropFirst()), workingDirectory: "/",
                timeout: .minutes(10)))
        try #require(result.end == .exited(0), "\(words): \(result.output)")
    }

    private static func port(of controller: RealController) async throws -> Int {
        try await eventually(within: 300) { controller.port != nil || controller.isOver }
        return try #require(controller.port, "\(controller.log)")
    }

    private static func rolloutCount(_ client: TestClient) async throws -> Int {
        var (count, path) = (0, "/v1/rollouts?limit=1000")
        while true {
            let page = try await client.send("GET", path).json(ListView<RolloutView>.self)
            count += page.items.count
            guard let next = page.next else { return count }
            path = "/v1/rollouts?limit=1000&after=\(next)"
        }
    }
}
