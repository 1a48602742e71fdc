import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing
import enum TestSupport.Shim

@testable import ControllerLibrary

@Suite("An emergency push with a key, killed at every durable act", .serialized)
struct EmergencyKillTests {
    /// At least so many of them, spread over all.
    private static let sample = 12

    private let test: TestController

    init() async throws {
        test = try TestController()
        let test = test
        try await test.run { running in
            _ = try await TestHost.join(test, running)
            let admin = try TestClient(test, running, token: test.adminToken)
            #expect(try await TestFleet.submit("1.0.1", by: admin).status == 201)
            await admin.close()
        }
    }

    private func push(_ port: Int) async throws -> HTTPResponse {
        let admin = try TestClient(test, port: port, token: test.adminToken)
        let request = EmergencyPushRequest(
            release: try ReleaseName("web@1.0.1"), reason: "hole", hosts: .all,
            environment: try EnvironmentName("staging"))
        do {
            let answer = try await admin.send(
                "POST", "/v1/emergency-pushes", headers: [HTTPField(IdempotencyKeys.header, "one")],
                bytes: JSONCoding.value(of: request).wireBytes)
            await admin.close()
            return answer
        } catch {
            await admin.close()
            throw error
        }
    }

    private func copy() throws -> TemporaryFolder {
        let copy = try TemporaryFolder()
        for name in try FileManager.default.contentsOfDirectory(atPath: test.folder.path) {
            try FileManager.default.copyItem(atPath: test.folder.path + "/" + name, toPath: copy.path + "/" + name)
        }
        return copy
    }

    private func listening(_ folder: TemporaryFolder, _ environment: [String: String] = [:]) async throws
        -> RealController
    {
        let controller = try RealController(folder: folder.path, environment: environment)
        try await eventually { controller.port != nil || controller.isOver }
        return controller
    }

    @Test("Asked again with its key after the kill it is one push, and never none")
    func sweep() async throws {
        let shim = try await Shim.compile("faults")
        let (folder, traces) = (try copy(), try TemporaryFolder())
        let trace = traces.path + "/trace"
        func acts() throws -> Int { try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n").count }
        let traced = try await listening(folder, ["LD_PRELOAD": shim.path, "FAULT_TRACE": trace])
        let first = try acts()
        #expect(try await push(#require(traced.port, "\(traced.log)")).status == 201)
        let all = try acts()
        try await traced.end()
        try #require(all - first > 5, "\(first) acts until it listens, \(all) in all")
        var killed = 0
        for number in stride(from: first + 1, through: all, by: max(1, (all - first) / Self.sample)) {
            if try await kill(at: number, shim.path) { killed += 1 }
        }
        #expect(killed > 3)
        withExtendedLifetime(shim) {}
    }

    /// - Returns: whether it was killed there.
    private func kill(at number: Int, _ shim: String) async throws -> Bool {
        let (folder, hits) = (try copy(), try TemporaryFolder())
        let controller = try await listening(
            folder, ["LD_PRELOAD": shim, "FAULT_AT": "\(number)", "FAULT_HIT": hits.path + "/hit"])
        if let port = controller.port { _ = try? await push(port) }
        try await controller.end()
        let hit = try? String(contentsOfFile: hits.path + "/hit", encoding: .utf8)
        let place = "killed at \(number): \(hit ?? "not reached")"
        let again = try await listening(folder)
        let port = try #require(again.port, "\(place): \(again.log)")
        let answer = try await push(port)
        // Done, and its answer was not kept any more: that is said.
        let isKept = answer.problemCode == "controller.conflict.idempotencyKey"
        #expect(answer.status == 201 || isKept, "\(place): \(String(decoding: answer.body, as: UTF8.self))")
        let admin = try TestClient(test, port: port, token: test.adminToken)
        let rollouts = try await admin.send("GET", "/v1/rollouts").json(ListView<RolloutView>.self).items
        #expect(rollouts.count == 1, "\(place)")
        await admin.close()
        try await again.end()
        return hit != nil
    }
}
