import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Backups of declared paths")
struct BackupTests {
    typealias File = TestRepository.File

    /// A host whose data a script of the release changes.
    private struct World {
        let repository: TestRepository
        let root: TemporaryFolder
        let host: TestHost
        let one: HostRelease
    }

    private func world() async throws -> World {
        let repository = try TestRepository()
        let root = try TemporaryFolder()
        _ = try root.directory.createDirectory("var/lib/web/deep", mode: 0o750)
        try root.directory.writeDurably("var/lib/web/deep/data", Array("old data\n".utf8), mode: 0o640)
        try root.directory.createSymlink("var/lib/web/link", to: "deep/data")
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository, root: root)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        return World(repository: repository, root: root, host: host, one: one)
    }

    /// `migrate` changes the data; the service follows and is healthy or not.
    private func release(_ world: World, _ check: File, hooks: [HookMoment: String] = [:], exit: Int = 0) async throws
        -> HostRelease
    {
        let data = world.root.path + "/var/lib/web"
        let files = [
            File("migrate/apply", "#!/bin/sh\necho new data > \(data)/deep/data\ntouch \(data)/more\nexit \(exit)\n"),
            File("migrate/back-out", "#!/bin/sh\nexit 0\n"), File("hooks/any", "#!/bin/sh\nexit 0\n"),
            TestRepository.serve, check,
        ]
        var migrate = try UnitTypeTests.plain("migrate", .script)
        migrate.backup = ["/var/lib/web", "/var/lib/none"]
        return try await world.repository.submit(
            "2.0", files: files, units: [migrate, TestRepository.unit(hooks: hooks)])
    }

    private func data(_ world: World) throws -> String? { try world.host.text("var/lib/web/deep/data") }

    @Test("A release that fails before it took traffic gives the data back, to mode and link; what it added is gone")
    func restored() async throws {
        for drained in [false, true] {
            let world = try await world()
            // Without drain and undrain the service takes traffic as soon as it runs: then the script itself must fail.
            let hooks: [HookMoment: String] = drained ? [.drain: "hooks/any", .undrain: "hooks/any"] : [:]
            let bad = try await release(world, TestRepository.broken, hooks: hooks, exit: drained ? 0 : 4)
            let ended = try await world.host.carryOut(world.repository.assignment(2, .install, bad), order(2))
            #expect(ended.outcome == .backedOut(drained ? .health : .hook), "\(ended)")
            #expect(try data(world) == "old data\n")
            #expect(try world.root.directory.status("var/lib/web/deep/data")?.mode == 0o640)
            #expect(try world.root.directory.status("var/lib/web/deep")?.mode == 0o750)
            #expect(try world.root.directory.readLink("var/lib/web/link") == "deep/data")
            #expect(try world.root.directory.status("var/lib/web/more") == nil)
            #expect(try world.root.directory.list("var/lib").map(\.name) == ["web"])
            try await world.host.end()
        }
    }

    @Test("After it took traffic the data stays: only a person restores, who is shown how old the backup is")
    func notAfterTraffic() async throws {
        let world = try await world()
        let bad = try await release(world, TestRepository.broken)
        let ended = try await world.host.carryOut(world.repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(try data(world) == "new data\n")
        try await world.host.end()
        await world.host.agent.close()
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: world.root.path).write(
            in: world.host.dir.directory)
        func run(_ words: String...) async throws -> ProcessResult {
            try await LiveProcesses().run(
                ProcessCommand(
                    executable: RealAgent.program, arguments: words + ["--dir", world.host.dir.path],
                    workingDirectory: "/", timeout: .seconds(60)))
        }
        let list = try await run("restore", "web")
        #expect(list.end == .exited(0) && list.output.contains("web.migrate"), "\(list.output)")
        let asked = try await run("restore", "web", "--unit", "migrate")
        #expect(asked.end == .exited(1) && asked.output.contains("old ("), "\(asked.output)")
        #expect(try data(world) == "new data\n")
        let done = try await run("restore", "web", "--unit", "migrate", "--yes")
        #expect(done.end == .exited(0), "\(done.output)")
        #expect(try data(world) == "old data\n")
        #expect(try await run("restore", "web", "--unit", "other", "--yes").end == .exited(3))
    }

    @Test("The latest two are kept, and an ordered back-out leaves data alone")
    func kept() async throws {
        let world = try await world()
        let good = try await release(world, TestRepository.healthy)
        for number in 2...4 {
            let ended = try await world.host.carryOut(
                world.repository.assignment(number, .install, good), order(number))
            #expect(ended.outcome == .succeeded, "\(ended)")
            try await world.host.carryOut(
                world.repository.assignment(number, .backOut, good), order(number, .backOut))
        }
        #expect(try data(world) == "new data\n")
        #expect(try world.host.dir.directory.list("backups/web.migrate").count == 2)
        try await world.host.end()
    }
}
