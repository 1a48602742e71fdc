import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing
import enum TestSupport.Shim

@testable import ControllerLibrary

/// What a host and a person were told, or what the record holds.
private struct Acts: Equatable {
    /// Sequences of the host's reports, in the order of the record.
    var reports: [Int64] = []
    /// Labels of invitations.
    var invitations: [String] = []
    /// `release.submitted`, `release.approved`.
    var release: [String] = []
}

@Suite("The real controller, killed at every durable act", .serialized)
struct KillSweepTests {
    /// scripts/faults: 1 is every act, 10 each tenth. Nil: a sample.
    private static let share = ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"].map { max(1, Int($0) ?? 1) }
    private static let sample = 10

    private let test: TestController
    private let host: TestHost

    init() async throws {
        test = try TestController()
        let test = test
        host = try await test.run { try await TestHost.join(test, $0) }
    }

    @Test(
        "R23: killed at any durable act of taking a report or a decision, it has each exactly once, and nothing it confirmed is lost"
    )
    func sweep() async throws {
        let shim = try await Shim.compile("faults")
        let (first, calls) = try await trace(shim.path)
        let numbers: [Int]
        if let share = Self.share {
            numbers = Array(stride(from: 1, through: calls, by: share))
        } else {
            // While it starts it is killed twice, the others while it takes what it is sent.
            let stride = max(1, (calls - first) / Self.sample)
            numbers = [first / 3, first * 2 / 3] + Swift.stride(from: first + 1, through: calls, by: stride)
        }
        try #require(calls - first > 20, "\(first) acts until it listens, \(calls) in all")
        let width = Self.share == nil ? 3 : 8
        let killed = try await withThrowingTaskGroup(of: Bool.self) { group in
            var killed = 0
            for (position, number) in numbers.enumerated() {
                if position >= width, try await group.next() == true { killed += 1 }
                group.addTask { try await self.kill(at: number, shim.path) }
            }
            for try await isKilled in group where isKilled { killed += 1 }
            return killed
        }
        print(
            "faults: controller: killed at \(killed) of \(numbers.count) points of \(calls) acts, \(first) of its start"
        )
        #expect(killed * 10 >= numbers.count * 8, "\(killed) of \(numbers.count) were killed")
        withExtendedLifetime(shim) {}
    }

    /// - Returns: the durable acts until it listens, and all of them.
    private func trace(_ shim: String) async throws -> (Int, Int) {
        let copy = try copy()
        let file = copy.path + "/../\(URL(fileURLWithPath: copy.path).lastPathComponent).trace"
        defer { try? FileManager.default.removeItem(atPath: file) }
        func count() throws -> Int {
            try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").count
        }
        let controller = try RealController(folder: copy.path, environment: ["LD_PRELOAD": shim, "FAULT_TRACE": file])
        try await eventually { controller.port != nil || controller.isOver }
        let port = try #require(controller.port, "\(controller.log)")
        let first = try count()
        let told = await play(port)
        #expect(told.reports == [1, 2, 3, 4, 5] && told.invitations.count == 2 && told.release.count == 1)
        let all = try count()
        try await controller.end()
        return (first, all)
    }

    /// - Returns: whether it was killed there.
    private func kill(at number: Int, _ shim: String) async throws -> Bool {
        let (copy, hits) = (try copy(), try TemporaryFolder())
        let controller = try RealController(
            folder: copy.path,
            environment: ["LD_PRELOAD": shim, "FAULT_AT": "\(number)", "FAULT_HIT": hits.path + "/hit"])
        try await eventually { controller.port != nil || controller.isOver }
        var told = Acts()
        if let port = controller.port { told = await play(port) }
        try await controller.end()
        let hit = try? String(contentsOfFile: hits.path + "/hit", encoding: .utf8)
        let place = "killed at \(number): \(hit ?? "not reached")"
        let kept = try record(of: copy)
        // In order, none twice, none between missing: a batch is taken whole or not at all.
        #expect([[], [1], [1, 2, 3, 4], [1, 2, 3, 4, 5]].contains(kept.reports), "\(place): \(kept)")
        #expect(kept.reports.starts(with: told.reports), "\(place): \(told), \(kept)")
        #expect(kept.invitations.starts(with: told.invitations) && kept.invitations.count <= 2, "\(place): \(kept)")
        #expect(told.release.isEmpty || kept.release == ["release.submitted", "release.approved"], "\(place): \(kept)")

        // Started again it is sent all that was not confirmed, as hosts and people do; the host repeats everything.
        let again = try RealController(folder: copy.path)
        try await eventually { again.port != nil || again.isOver }
        let port = try #require(again.port, "\(place): \(again.log)")
        let rest = await play(port, without: kept.invitations)
        try await again.end()
        #expect(rest.reports == [1, 2, 3, 4, 5] && rest.release.count == 1, "\(place): \(rest) \(again.log)")
        let whole = Acts(
            reports: [1, 2, 3, 4, 5], invitations: ["one", "two"], release: ["release.submitted", "release.approved"])
        let ended = try record(of: copy)
        #expect(ended == whole, "\(place): \(ended)")
        return hit != nil
    }

    /// A host's reports with decisions of people between them, until somebody gets no answer.
    private func play(_ port: Int, without known: [String] = []) async -> Acts {
        var told = Acts()
        guard
            let agent = try? TestClient(test, port: port, certificate: host.response.certificate, key: host.keyPEM),
            let admin = try? TestClient(test, port: port, token: test.adminToken)
        else { return told }
        func report(_ sequences: [Int64]) async throws {
            let reports = try sequences.map { try StoreSamples.report($0).report }
            let response = try await agent.post("/v1/agent/reports", HostReportBatch(reports: reports))
            guard response.status == 200, let last = sequences.last else { throw TestFailure("\(response.status)") }
            let receipt = try response.json(HostReportReceipt.self)
            guard receipt.acknowledged >= last else { throw TestFailure("\(receipt)") }
            told.reports += sequences
        }
        func invite(_ label: String) async throws {
            guard !known.contains(label) else { return }
            let request = InvitationRequest(
                environment: try EnvironmentName("staging"), labels: ["kill": label], uses: 1, lifetime: .minutes(10))
            let response = try await admin.post("/v1/hosts/invitations", request)
            guard response.status == 201 else { throw TestFailure("\(response.status)") }
            told.invitations.append(label)
        }
        do {
            try await report([1])
            try await invite("one")
            try await report([2, 3, 4])
            let response = try await TestFleet.submit("1.0", by: admin)
            guard response.status == 201 || response.status == 200 else { throw TestFailure("\(response.status)") }
            told.release = ["told"]
            try await invite("two")
            try await report([5])
        } catch {}
        await agent.close()
        await admin.close()
        return told
    }

    /// What the record of a dead controller holds; its chain is read from the beginning.
    private func record(of folder: TemporaryFolder) throws -> Acts {
        let beside = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where name.hasPrefix(ControllerDirectory.databaseName) {
            try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: beside.path + "/" + name)
        }
        let store = try SQLiteStore(path: beside.path + "/" + ControllerDirectory.databaseName)
        var acts = Acts()
        try store.replay(
            event: { entry in
                switch entry.event {
                case .hostsInvited(let it): if let label = it.labels["kill"] { acts.invitations.append(label) }
                case .releaseSubmitted, .releaseApproved: acts.release.append(entry.action)
                default: break
                }
            }, report: { acts.reports.append($0.report.sequence) })
        _ = try store.verifiedHead()
        store.close()
        return acts
    }

    private func copy() throws -> TemporaryFolder {
        let copy = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: test.folder.path) {
            try FileManager.default.copyItem(atPath: test.folder.path + "/" + name, toPath: copy.path + "/" + name)
        }
        return copy
    }
}
