import AgentProtocol
import ControllerAPI
import Effects
import Foundation
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

    /// A clock that is behind by a day and an hour: what it sees happened yesterday.
    private struct Yesterday: TimeDoor {
        private let real = SystemTime()
        func now() -> UTCInstant { real.now() + .hours(-25) }
        func monotonic() -> TimeSpan { real.monotonic() }
        func sleep(for span: TimeSpan) async throws { try await real.sleep(for: span) }
    }

    @Test(
        "The controller is gone: with yesterday's backup and the recovery kit every agent comes back unaided, and keys are replaced"
    )
    func gone() async throws {
        let test = try TestController(time: Yesterday())
        let (away, trust) = (try TemporaryFolder(), try TemporaryFolder())
        let (kit, backup) = (away.path + "/kit", away.path + "/backup")
        let passphrase = try RecoveryKit.make(of: test.folder.path, keys: nil, in: kit, at: test.time.now())
        var fleet = TestFleet(test)
        try await test.run { running in
            try await fleet.join(3, running)
            try await fleet.serving(running) { client in
                #expect(try await TestFleet.submit("1.0", by: client).status == 201)
                #expect(try await TestFleet.rollOut(TestFleet.definition("1.0"), by: client).state == .succeeded)
                // Whoever keeps the kit may take the keys off the machine: then a backup lacks them too.
                for name in ["root", "targets"] { try Directory.open(test.folder.path).removeFile("keys/\(name).pem") }
                _ = try ControllerBackup.make(of: test.folder.path, in: backup, at: test.time.now())
                #expect(try await TestFleet.submit("2.0", by: client).status == 201)
                #expect(try await TestFleet.rollOut(TestFleet.definition("2.0"), by: client).state == .succeeded)
                let root = Array(running.controller.firstRoot.utf8)
                _ = try await metadata(trust, client, root: root).refresh(at: test.time.now())
            }
        }
        let restored = try TestController(
            restoring: backup, of: test, advance: true, kit: (kit, Array(passphrase.utf8)), time: SystemTime())
        try await restored.run { running in
            let after = TestFleet(restored, agents: fleet.agents)
            // Nothing is done on a host: its stream is there, and it takes the next release.
            try await after.serving(running) { client in
                _ = try await metadata(trust, client, root: nil).refresh(at: SystemTime().now())
                #expect(try await TestFleet.submit("3.0", by: client).status == 201)
                #expect(try await TestFleet.rollOut(TestFleet.definition("3.0"), by: client).state == .succeeded)
                #expect(after.agents.allSatisfy { $0.running?.version.text == "3.0" })
                // Root is there again, from the kit.
                for role in ["timestamp", "snapshot"] {
                    let rotated = try await client.post("/v1/keys/rotate", OnlineRotationRequest(role: role))
                    #expect(rotated.status < 300, "\(String(decoding: rotated.body, as: UTF8.self))")
                }
                _ = try await metadata(trust, client, root: nil).refresh(at: SystemTime().now())
            }
        }
    }

    @Test("The passphrase of a kit is read from wherever its file lies")
    func passphraseFile() throws {
        let folder = try TemporaryFolder()
        try Directory.open(folder.path).writeDurably("pass", Array("ABCD-EFGH\n".utf8))
        #expect(try RestoreCommand.passphrase(from: folder.path + "/pass") == Array("ABCD-EFGH".utf8))
        #expect(try RestoreCommand.passphrase(from: folder.path + "/./pass") == Array("ABCD-EFGH".utf8))
    }

    @Test(
        "A recovery kit holds keys of root and targets, encrypted, and a sheet; nothing that signs every day, and no passphrase"
    )
    func kit() throws {
        let test = try TestController()
        let away = try TemporaryFolder()
        let path = away.path + "/kit"
        let passphrase = try RecoveryKit.make(of: test.folder.path, keys: nil, in: path, at: test.time.now())
        let folder = try Directory.open(path)
        #expect(Set(try folder.list().map(\.name)) == ["root.pem", "targets.pem", "root.json", "RECOVERY.txt"])
        #expect(try folder.status().mode & 0o077 == 0)
        let made = try ControllerDirectory.open(test.folder.path)
        for name in ["root.pem", "targets.pem"] {
            let text = String(decoding: try folder.read(name, sizeMax: ByteCount(10_000)), as: UTF8.self)
            #expect(text.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
            #expect(throws: (any Error).self) { _ = try SigningKey(pem: text, passphrase: Array("other".utf8)) }
            let key = try SigningKey(pem: text, passphrase: Array(passphrase.utf8))
            #expect(try key.publicKey == SigningKey(pem: made.text("keys/\(name)")).publicKey)
        }
        let sheet = String(decoding: try folder.read("RECOVERY.txt", sizeMax: ByteCount(10_000)), as: UTF8.self)
        #expect(sheet.contains("restore --from BACKUP --dir DIR --advance") && !sheet.contains(passphrase))
        let twice = #expect(throws: ControllerError.self) {
            _ = try RecoveryKit.make(of: test.folder.path, keys: nil, in: path, at: test.time.now())
        }
        #expect(twice?.code == "controller.conflict.exists")
        let inside = #expect(throws: ControllerError.self) {
            _ = try RecoveryKit.make(
                of: test.folder.path, keys: nil, in: test.folder.path + "/kit", at: test.time.now())
        }
        #expect(inside?.code == "controller.setup.kit")
    }

    @Test(
        "docs/operations.md, “A damaged record”: its commands bring a damaged controller back, with a backup and without"
    )
    func damaged() async throws {
        let test = try TestController()
        var fleet = TestFleet(test)
        let away = try TemporaryFolder()
        _ = try ControllerBackup.make(of: test.folder.path, in: away.path + "/backup", at: test.time.now())
        try await test.run { running in
            try await fleet.join(1, running)
        }
        let words = try OperationsGuide.commands(below: "A damaged record")
        try #require(words.count == 3)
        // The write-ahead log is gone, as far as the record can tell.
        let folder = try Directory.open(test.folder.path)
        try folder.writeDurably("events.sqlite-end", Array("9999 9999\n".utf8))
        let refused = #expect(throws: ControllerError.self) { _ = try Controller(directory: test.folder.path) }
        #expect(refused?.code == "controller.store.behind")
        for (number, word) in words.enumerated() {
            let command = word.replacing("BACKUP", with: away.path + "/backup").replacing(
                "LEFT", with: away.path + "/left"
            )
            .replacing("NEW", with: away.path + "/new-\(number)").replacing("DIR", with: test.folder.path)
            #expect(
                await ControllerCommand.execute(Array(command.split(separator: " ").map(String.init).dropFirst())) == 0,
                "\(word)")
        }
        // What was left has the host that the backup does not know.
        for (name, hosts) in [("new-0", 0), ("new-2", 1)] {
            let controller = try Controller(directory: away.path + "/" + name)
            #expect(await controller.state.hosts.count == hosts)
            await controller.close()
        }
    }

    @Test("A backup has its name once it is whole; what fails leaves nothing, what was killed is not restored from")
    func unfinished() throws {
        let test = try TestController()
        let folder = try TemporaryFolder()
        let (backup, half) = (folder.path + "/one", folder.path + "/one.unfinished")
        func names() throws -> [String] { try Directory.open(folder.path).list().map(\.name).sorted() }
        // One that was killed on its way.
        let left = try Directory.create(half + "/keys", mode: 0o700)
        try left.writeDurably("old.pem", [1])
        let refused = #expect(throws: ControllerError.self) {
            _ = try ControllerRestore.perform(from: half, to: folder.path + "/x", advance: true, at: test.time.now())
        }
        #expect(refused?.summary.contains("never finished") == true)
        _ = try ControllerBackup.make(of: test.folder.path, in: backup + "/", at: test.time.now())
        #expect(try names() == ["one"])
        let made = try Directory.open(backup)
        #expect(try made.status("keys/old.pem") == nil && made.status(".lock") == nil)
        #expect(try made.status().mode & 0o077 == 0)
        // Another backup found the unfinished one, and has its lock when that has its name already.
        let above = try Directory.open(folder.path)
        let late = #expect(throws: ControllerError.self) {
            _ = try ControllerBackup.claim(made, as: "one.unfinished", in: above)
        }
        #expect(late?.code == "controller.conflict.exists")
        #expect(try made.status(BackupRecord.name) != nil && made.status(".lock") == nil)
        // A file is no place for one, which is found out before anything is copied.
        try above.writeDurably("file", [1])
        let onto = #expect(throws: ControllerError.self) {
            _ = try ControllerBackup.make(of: folder.path + "/nowhere", in: folder.path + "/file", at: test.time.now())
        }
        #expect(onto?.code == "controller.conflict.exists")
        try above.removeFile("file")
        // The record is read after other files lie there already.
        let damaged = try Directory.open(test.folder.path)
        try damaged.removeTree("repository")
        #expect(throws: (any Error).self) {
            _ = try ControllerBackup.make(of: test.folder.path, in: folder.path + "/two", at: test.time.now())
        }
        #expect(try names() == ["one"])
        // A folder that is there may be a medium's: it is written into, and left empty.
        let medium = try Directory.create(folder.path + "/medium")
        #expect(throws: (any Error).self) {
            _ = try ControllerBackup.make(of: test.folder.path, in: medium.path, at: test.time.now())
        }
        #expect(try medium.list().isEmpty)
    }

    @Test(
        "A backup is restored onto a copy of its database alone: not where a controller runs, nor unasked where there is more",
        .enabled(if: TestPostgres.isInstalled))
    func ontoDatabase() async throws {
        let test = try TestController(database: TestPostgres.newDatabase())
        let folder = try TemporaryFolder()
        let backup = folder.path + "/one"
        func restore(_ name: String, isConfirmed: Bool = false) throws {
            _ = try ControllerRestore.perform(
                from: backup, to: folder.path + "/" + name, advance: true, isConfirmed: isConfirmed,
                at: test.time.now())
        }
        _ = try ControllerBackup.make(of: test.folder.path, in: backup, at: test.time.now())
        let end = try await test.run { running -> Int64 in
            let used = #expect(throws: ControllerError.self) { try restore("used") }
            #expect(used?.code == "controller.setup.databaseUsed")
            _ = try await TestHost.join(test, running)
            return await running.controller.store.sequence
        }
        let newer = #expect(throws: ControllerError.self) { try restore("newer") }
        #expect(newer?.code == "controller.setup.databaseNewer")
        #expect(newer?.summary.contains(" entries after the backup of ") == true, "\(newer?.summary ?? "")")
        #expect(try Directory.open(folder.path).list().map(\.name) == ["one"])
        let address = try ControllerDirectory.open(test.folder.path)
            .json(ControllerConfiguration.self, ControllerDirectory.configurationName).database
        let store = try PostgresStore(address: #require(address))
        try store.replay(event: { _ in }, report: { _ in })
        #expect(store.sequence == end)
        try restore("said", isConfirmed: true)
        #expect(try store.readOn(event: { _ in }, report: { _ in }))
        #expect(store.sequence > end + ControllerRestore.jump - 1)
    }

    @Test(
        "A database that a controller of before an upgrade uses is not migrated by a restore, nor an empty one filled",
        .enabled(if: TestPostgres.isInstalled))
    func ontoOlderDatabase() throws {
        let database = try TestPostgres.newDatabase()
        let test = try TestController(database: database)
        let folder = try TemporaryFolder()
        let backup = folder.path + "/one"
        _ = try ControllerBackup.make(of: test.folder.path, in: backup, at: test.time.now())
        let connection = try PostgresConnection(database)
        func migrations() throws -> Int { try connection.run("SELECT 1 FROM migrations").count }
        func refusal() throws -> String? {
            #expect(throws: ControllerError.self) {
                _ = try ControllerRestore.perform(
                    from: backup, to: folder.path + "/new", advance: true, at: test.time.now())
            }?.code
        }
        // As its first version made it, and holds it by a lease.
        try connection.run(
            script: "DROP TABLE controllers, contacts, requests; DELETE FROM migrations WHERE name NOT LIKE '1 %'")
        let lease = "INSERT INTO leases VALUES ('engine', 'old', 1, clock_timestamp() + interval '1 hour')"
        try connection.run(lease)
        #expect(try refusal() == "controller.setup.databaseUsed")
        #expect(try migrations() == 1)
        // It ends; then the tables become today's.
        try connection.run("DELETE FROM leases")
        _ = try ControllerRestore.perform(
            from: backup, to: folder.path + "/new", advance: true, isConfirmed: true, at: test.time.now())
        #expect(try migrations() == PostgresStore.migrations.count)
        // The dump was not put in yet.
        try connection.run(script: "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        try Directory.open(folder.path).removeTree("new")
        #expect(try refusal() == "controller.setup.databaseEmpty")
        #expect(try connection.run("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").count == 0)
        #expect(try Directory.open(folder.path).list().map(\.name) == ["one"])
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

    @Test("A backup in the folder that it copies is refused, by whatever name it is called, and nothing is written")
    func itself() throws {
        let test = try TestController()
        let folder = try TemporaryFolder()
        let outside = try Directory.open(folder.path)
        try outside.createSymlink("link", to: test.folder.path + "/keys")
        let before = try Directory.open(test.folder.path).list().map(\.name)
        let inside = ["/copy", "/new/copy", "/keys/../copy"].map { test.folder.path + $0 }
        for output in inside + [folder.path + "/link/copy"] {
            let refused = #expect(throws: ControllerError.self) {
                _ = try ControllerBackup.make(of: test.folder.path, in: output, at: test.time.now())
            }
            #expect(refused?.code == "controller.setup.backupInside", "\(output)")
        }
        #expect(try Directory.open(test.folder.path).list().map(\.name) == before)
        // A name that begins alike is another folder. What restore makes is no part of the backup either.
        let copy = test.folder.path + "-copy"
        _ = try ControllerBackup.make(of: test.folder.path, in: copy, at: test.time.now())
        let whole = try Directory.open(copy).list().map(\.name)
        for name in [copy, copy + "/restored", copy + "/keys/restored"] {
            let refused = #expect(throws: ControllerError.self) {
                _ = try ControllerRestore.perform(from: copy, to: name, advance: false, at: test.time.now())
            }
            #expect(refused?.code == "controller.setup.backupInside", "\(name)")
        }
        #expect(try Directory.open(copy).list().map(\.name) == whole)
        try outside.removeFile("link")
        try Directory.open(Directory.split(test.folder.path).folder).removeTree(
            Directory.split(test.folder.path + "-copy").name)
    }
}

/// docs/operations.md, as tests walk it.
enum OperationsGuide {
    private static func text() throws -> String {
        let path = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/docs"
        return String(
            decoding: try Directory.open(path).read("operations.md", sizeMax: ByteCount(1 << 20)), as: UTF8.self)
    }

    /// What stands between this line and the end of its block.
    static func block(after line: String) throws -> String {
        let rest = try text().components(separatedBy: line).dropFirst().first ?? ""
        return (rest.components(separatedBy: "```").first ?? "") + "\n"
    }

    /// The lines of the section's blocks that run the controller's program.
    static func commands(below heading: String) throws -> [String] {
        let section = try text().components(separatedBy: "\n## ").first { $0.hasPrefix(heading) } ?? ""
        return section.split(separator: "\n").map { String($0.drop { $0 == " " }) }.filter {
            $0.hasPrefix("slipway-controller ")
        }
    }
}
