import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing

@testable import ControllerLibrary

/// Some hosts that follow orders, and an administrator.
struct TestFleet: Sendable {
    let test: TestController
    var agents: [TestAgent]

    init(_ test: TestController, agents: [TestAgent] = []) {
        self.test = test
        self.agents = agents
    }

    /// - Parameter first: the number of the first, where there are others.
    mutating func join(_ count: Int, _ running: TestController.Running, from first: Int = 1) async throws {
        for number in first..<first + count {
            let labels = number == 1 ? ["name": "host\(number)", "pilot": "true"] : ["name": "host\(number)"]
            agents.append(TestAgent(try await TestHost.join(test, running, labels: labels)))
        }
    }

    /// A controller of its own, its administrator, and this many hosts that follow orders, until the body ends.
    static func serving<Value>(
        _ count: Int, _ body: (TestFleet, TestClient, TestController.Running) async throws -> Value
    ) async throws -> Value {
        let test = try TestController()
        return try await test.run { running in
            var fleet = TestFleet(test)
            try await fleet.join(count, running)
            return try await fleet.serving(running) { client in try await body(fleet, client, running) }
        }
    }

    /// The body with every agent's stream open.
    func serving<Value>(
        _ running: TestController.Running, _ body: (TestClient) async throws -> Value
    ) async throws -> Value {
        let tasks = agents.map { $0.serve(test, running) }
        try await eventually { agents.allSatisfy { running.controller.hub.isOnline($0.host.id) } }
        let admin = try TestClient(test, running, token: test.adminToken)
        defer { for task in tasks { task.cancel() } }
        do {
            let value = try await body(admin)
            await admin.close()
            return value
        } catch {
            await admin.close()
            throw error
        }
    }

    /// A release folder in a tar, as the command uploads it.
    static func archive(
        version: String, content: String = "x", edit: (String) -> String = { $0 }
    ) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let directory = try Directory.open(folder.path)
        let parts = version.split(separator: ".").compactMap { Int($0) }
        let category =
            parts.count > 2 && parts[2] > 0 ? "emergency" : parts.count > 1 && parts[1] > 0 ? "minor" : "major"
        let definition = """
            product: web
            version: "\(version)"
            category: \(category)
            summary: A release for tests
            owner: tests
            units:
              - name: web
                type: tree
                source: ./files
                installTo: /opt/web
                service: { command: [serve] }
                health: none
                minimumHealthy: 1s
                healthyDeadline: 30s
            """
        try directory.writeDurably("release.yaml", Array(edit(definition).utf8))
        try directory.createDirectory("files")
        try directory.writeDurably("files/serve", Array("#!/bin/sh\n# \(version) \(content)\n".utf8), mode: 0o755)
        return try SourceArchive.bytes(of: directory)
    }

    static func submit(
        _ version: String, content: String = "x", environment: String = "staging", by client: TestClient
    ) async throws -> HTTPResponse {
        try await submit(archive: archive(version: version, content: content), environment: environment, by: client)
    }

    static func submit(
        archive: [UInt8], environment: String = "staging", by client: TestClient
    ) async throws -> HTTPResponse {
        try await client.send(
            "POST", "/v1/releases?environment=\(environment)",
            headers: [HTTPField("Content-Type", ReleaseSubmissionType.sourceArchive.rawValue)], bytes: archive)
    }

    static func definition(
        _ version: String, _ strategy: RolloutStrategy = .bigBang, grace: TimeSpan = .seconds(30)
    ) throws -> RolloutDefinition {
        RolloutDefinition(
            release: try ReleaseName("web@\(version)"), environment: try EnvironmentName("staging"), strategy: strategy,
            limits: RolloutLimits(parallelism: .percent(100), offlineGrace: grace))
    }

    /// Starts it and waits for its end.
    static func rollOut(_ definition: RolloutDefinition, by client: TestClient) async throws -> RolloutView {
        let response = try await client.startRollout(definition)
        try #require(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
        return try await end(of: response.json(RolloutView.self).id, client)
    }

    static func end(of id: RolloutID, _ client: TestClient) async throws -> RolloutView {
        var view: RolloutView?
        try await eventually {
            let found = try await client.send("GET", "/v1/rollouts/\(id)").json(RolloutView.self)
            view = found
            return found.state.isFinal
        }
        return try #require(view)
    }
}
