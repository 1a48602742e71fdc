import AgentProtocol
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseDistribution
import ReleaseTrust
import Testing

@testable import ControllerLibrary

@Suite("Backup and restore")
struct BackupTests {
    /// What a host trusts, as its own client keeps it.
    private func metadata(_ folder: TemporaryFolder, _ client: TestClient, root: [UInt8]?) async throws
        -> MetadataClient
    {
        let store = try Directory.open(folder.path)
        if let root { try MetadataClient.pin(root: root, in: store) }
        return MetadataClient(
            store: store, http: client.http, time: SystemTime(),
            address: RepositoryAddress(baseURL: client.baseURL + "/repository"))
    }

    @Test("A backup that is older than what hosts know is restored, and every host goes on with it unaided")
    func drill() async throws {
        let test = try TestController()
        let (backups, trust) = (try TemporaryFolder(), try TemporaryFolder())
        let backup = backups.path + "/one"
        var fleet = TestFleet(test)
        let witnessed = try await test.run { running -> LogCheckpoint in
            try await fleet.join(2, running)
            return try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                #expect(try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).state == .succeeded)
                let made = try ControllerBackup.make(of: test.folder.path, in: backup, at: SystemTime().now())
                #expect(try #require(made.log).sequence > 5)
                // A day later, as it were: releases and rollouts that the backup does not know.
                for version in ["2.0", "3.0"] {
                    #expect(try await TestFleet.submit(version, by: client).status == 201)
                    let view = try await TestFleet.rollOut(TestFleet.definition(version), by: client)
                    #expect(view.state == .succeeded)
                }
                let root = Array(running.controller.firstRoot.utf8)
                _ = try await metadata(trust, client, root: root).refresh(at: SystemTime().now())
                return try await client.send("GET", "/v1/audit/head").json(AuditHead.self)
            }
        }
        let restored = try TestController(restoring: backup, of: test, advance: true)
        try await restored.run { running in
            #expect(await running.controller.state.releases.count == 1)
            let after = TestFleet(restored, agents: fleet.agents)
            try await after.serving(running) { client in
                // Metadata is newer than what hosts hold, and so is every order.
                _ = try await metadata(trust, client, root: nil).refresh(at: SystemTime().now())
                #expect(try await TestFleet.submit("4.0", by: client).status == 201)
                _ = try await metadata(trust, client, root: nil).refresh(at: SystemTime().now())
                let view = try await TestFleet.rollOut(TestFleet.definition("4.0"), by: client)
                #expect(view.state == .succeeded)
                #expect(await running.controller.store.sequence > witnessed.sequence)
                // The chain is whole, the break stands in it, and whoever witnessed what was lost can tell.
                let head = try await client.send("GET", "/v1/audit/head").json(AuditHead.self)
                var chain = AuditChain(witnesses: [head])
                var informed = AuditChain(witnesses: [witnessed])
                let lines = try await running.controller.store.lines(after: 0, limit: 10_000).map(\.bytes)
                for line in lines { try chain.follow(line) }
                try chain.finish()
                let error = #expect(throws: ControllerAPIError.self) {
                    for line in lines { try informed.follow(line) }
                    try informed.finish()
                }
                #expect(error?.code == "api.audit.witness")
                let entries = try await running.controller.store.entries(after: 0, limit: 10_000)
                #expect(entries.contains { $0.action == "controller.restored" })
            }
        }
    }

    @Test("A folder that is no whole backup is refused, and a folder that holds something is never written into")
    func refusals() throws {
        let test = try TestController()
        let folder = try TemporaryFolder()
        let (backup, other) = (folder.path + "/backup", folder.path + "/other")
        _ = try ControllerBackup.make(of: test.folder.path, in: backup, at: test.time.now())
        let twice = #expect(throws: ControllerError.self) {
            _ = try ControllerBackup.make(of: test.folder.path, in: backup, at: test.time.now())
        }
        #expect(twice?.code == "controller.conflict.exists")
        let onto = #expect(throws: ControllerError.self) {
            _ = try ControllerRestore.perform(from: backup, to: test.folder.path, advance: true, at: test.time.now())
        }
        #expect(onto?.code == "controller.conflict.exists")
        try Directory.open(backup).removeFile(BackupRecord.name)
        let partial = #expect(throws: ControllerError.self) {
            _ = try ControllerRestore.perform(from: backup, to: other, advance: true, at: test.time.now())
        }
        #expect(partial?.code == "controller.setup.backup")
    }
}
