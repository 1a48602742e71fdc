import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Change management: stages that an outside system answers")
struct ChangeManagementTests {
    private static let base = LifecycleTests.base

    private func view(_ client: TestClient) async throws -> LifecycleView {
        try await client.send("GET", Self.base + "/lifecycle").json(LifecycleView.self)
    }

    /// As far as the stage that the system answers.
    private func prepare(_ client: TestClient) async throws {
        let plan = LifecycleTests.plan("1.1").replacing(
            "{ stage: board }", with: "{ stage: board, by: [\"system:cab\"] }")
        try await prepare(client, plan, "1.1")
    }

    private func prepare(_ client: TestClient, _ plan: String, _ version: String) async throws {
        let base = "/v1/releases/web/\(version)"
        #expect(try await client.post(base + "/plan", ReleasePlanRequest(text: plan)).status == 200)
        #expect(try await TestFleet.submit(version, by: client).status == 201)
        for evidence in [
            LifecycleTests.unsigned(.tests, LifecycleTests.junit), LifecycleTests.unsigned(.rehearsal),
        ] {
            #expect(try await client.post(base + "/evidence", evidence).status == 201)
        }
    }

    private func asked(
        _ decision: String, withHost: Bool = false,
        _ body: (TestClient, @escaping () throws -> [String]) async throws -> Void
    ) async throws {
        let test = try TestController()
        try await TestScripts.serving("change.py", in: test.folder.path, ["secret", decision]) { url, lines in
            let folder = try Directory.open(test.folder.path)
            try folder.writeDurably("cab.secret", Array("secret\n".utf8), mode: 0o600)
            let settings = ChangeManagementSettings(systems: [
                ChangeSystem(name: "cab", webhook: .init(url: url, secretFile: "cab.secret"), every: .milliseconds(1))
            ])
            try folder.writeDurably(
                ChangeManagementSettings.fileName, try JSONCoding.value(of: settings).prettyBytes, mode: 0o600)
            try await test.run { running in
                let client = try TestClient(test, running, token: test.adminToken)
                if withHost { _ = try await TestHost.join(test, running) }
                try await prepare(client)
                try await body(client, lines)
                await client.close()
            }
        }
    }

    @Test("A system that approves is asked until it has decided, and its word is recorded with its reference")
    func approved() async throws {
        try await asked("approved") { client, lines in
            try await eventually { try await view(client).stage == .scheduled }
            #expect(try lines() == ["web@1.1 board True CHG-1", "web@1.1 board True CHG-1"], "pending, then approved")
            let gates = try await view(client).checklist.flatMap(\.gates)
            #expect(gates.first { $0.name == "approval.board" }?.found.contains("system:cab") == true)
        }
    }

    @Test("A system that declines ends the release: nothing is deployed, and nobody can approve it any more")
    func declined() async throws {
        try await asked("declined", withHost: true) { client, _ in
            try await eventually { try await view(client).stage == .declined }
            let refused = try await client.startRollout(TestFleet.definition("1.1"))
            #expect(try refused.json(Problem.self).code == "lifecycle.deploy.declined")
        }
    }

    @Test("A system that takes its time keeps nobody else's answer back")
    func slow() async throws {
        let test = try TestController()
        let folder = try ControllerDirectory.open(test.folder.path)
        let programs = try folder.directory.createDirectory(ChangeManagementSettings.folderName)
        try programs.writeDurably("slow", Array("#!/bin/sh\nexec sleep 60\n".utf8), mode: 0o755)
        try programs.writeDurably("quick", Array("#!/bin/sh\necho CHG-2\n".utf8), mode: 0o755)
        let settings = ChangeManagementSettings(systems: [
            ChangeSystem(name: "slow", command: .init(program: "slow")),
            ChangeSystem(name: "cab", command: .init(program: "quick")),
        ])
        try folder.directory.writeDurably(
            ChangeManagementSettings.fileName, try JSONCoding.value(of: settings).prettyBytes, mode: 0o600)
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            let plan = LifecycleTests.plan("1.2").replacing(
                "{ stage: board }", with: "{ stage: board, by: [\"system:slow\"] }")
            try await prepare(client, plan, "1.2")
            try await eventually { await running.controller.questionsAsked.values.contains { $0.isOpen } }
            try await prepare(client)
            try await eventually { try await view(client).stage == .scheduled }
            let isSlowOpen = await running.controller.questionsAsked.values.contains { $0.isOpen }
            #expect(isSlowOpen, "the slow one is still asked")
            await client.close()
        }
    }

    @Test("A person cannot answer for a system")
    func impersonated() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running, token: test.adminToken)
            try await prepare(client)
            let ready = try await view(client)
            let consent = ReleaseConsent(
                release: ready.release, stage: "board", plan: try #require(ready.approvalDigest),
                package: try #require(ready.package), validUntil: SystemTime().now() + .days(1))
            let refused = try await client.post(
                Self.base + "/authorisations", ReleaseConsentRequest(consent: consent))
            #expect(try refused.json(Problem.self).code == "lifecycle.approve.person")
            await client.close()
        }
    }

    @Test(
        "A command answers by its exit code; others have not decided, nor has one that others may write",
        arguments: [(0, 0o755, "approved"), (1, 0o755, "declined"), (75, 0o755, "pending"), (0, 0o777, "pending")])
    func command(code: Int, mode: Int, expected: String) async throws {
        let test = try TestController()
        let folder = try ControllerDirectory.open(test.folder.path)
        let programs = try folder.directory.createDirectory(ChangeManagementSettings.folderName)
        try programs.writeDurably(
            "ask", Array("#!/bin/sh\necho first\necho \"$SLIPWAY_RELEASE $SLIPWAY_CHANGES $1\"\nexit \(code)\n".utf8),
            mode: UInt16(mode))
        let question = ChangeQuestion(
            release: try ReleaseName("web@1.1"), stage: "board", environment: try EnvironmentName("staging"),
            category: .minor, type: .normal, summary: "x", owner: "web-team", plan: SHA256Digest(of: []),
            package: SHA256Digest(of: []), changes: [ReleaseChange(id: "CHG-1", summary: "one", risk: .low)])
        let answer = await ChangeManagement(folder: folder, time: SystemTime()).ask(
            question, ChangeSystem(name: "cab", command: .init(program: "ask", arguments: ["now"])))
        #expect(answer.answer.rawValue == expected)
        if mode == 0o755 { #expect(answer.words == "web@1.1 CHG-1 now") }

        // The same folder, said from where one stands.
        let here = FileManager.default.currentDirectoryPath.split(separator: "/").map { _ in "../" }.joined()
        let relative = try ControllerDirectory.open(here + test.folder.path.dropFirst())
        #expect(relative.path("x").hasPrefix("/"))
        let again = await ChangeManagement(folder: relative, time: SystemTime()).ask(
            question, ChangeSystem(name: "cab", command: .init(program: "ask", arguments: ["now"])))
        #expect(again.answer.rawValue == expected)
    }
}
