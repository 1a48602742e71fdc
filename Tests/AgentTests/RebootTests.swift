import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Releases that have the host restarted")
struct RebootTests {
    typealias File = TestRepository.File

    /// A host whose kernel is a file, and which is restarted by a program that notes it.
    private struct World {
        let root: TemporaryFolder
        let settings: RebootSettings

        init(within: TimeSpan = .minutes(5), program: String = "echo asked >> NOTES") throws {
            root = try TemporaryFolder()
            _ = try root.directory.createDirectory("run")
            let text = "#!/bin/sh\n" + program.replacing("NOTES", with: root.path + "/notes") + "\n"
            try root.directory.writeDurably("restart", Array(text.utf8), mode: 0o755)
            settings = RebootSettings(
                command: [root.path + "/restart"], within: within, bootIDFile: root.path + "/boot")
            try boot("first")
        }

        func boot(_ name: String) throws { try root.directory.writeDurably("boot", Array("\(name)\n".utf8)) }
    }

    private func release(
        _ repository: TestRepository, _ version: String, _ policy: RebootPolicy?, _ check: File = TestRepository.healthy
    ) async throws -> HostRelease {
        var unit = try TestRepository.unit()
        unit.reboot = policy
        return try await repository.submit(version, files: [TestRepository.serve, check], units: [unit])
    }

    @Test("reboot: always: asked for once it is switched, resumed from the journal in the kernel's next run")
    func always() async throws {
        let repository = try TestRepository()
        let world = try World()
        let one = try await release(repository, "1.0", nil)
        let two = try await release(repository, "2.0", .always)
        var host = try await TestHost(repository, root: world.root, reboot: world.settings)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        await host.agent.offer(try repository.assignment(2, .install, two))
        _ = try await poll { try UnitTypeTests.lines(world.root) == ["asked"] ? true : nil }
        #expect(try host.version() == "2.0")
        #expect(try host.serving().isEmpty, "nothing runs between the switch and the restart")
        let running = host.agent
        guard case .rebooting(0, "first", _) = await running.host.installation?.state else {
            Issue.record("\(String(describing: await running.host.installation?.state))")
            return
        }
        // The agent alone is started again: it asks again, and waits.
        await host.stop()
        await host.agent.close()
        host = try await TestHost(repository, dir: host.dir, root: world.root, reboot: world.settings)
        _ = try await poll { try UnitTypeTests.lines(world.root) == ["asked", "asked"] ? true : nil }
        #expect(await host.agent.host.installation != nil)
        await host.stop()
        await host.agent.close()
        // The host is.
        try world.boot("second")
        host = try await TestHost(repository, dir: host.dir, root: world.root, reboot: world.settings)
        let ended = try await host.finished(order(2))
        #expect(ended.outcome == .succeeded, "\(ended)")
        #expect(try UnitTypeTests.lines(world.root) == ["asked", "asked"])
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("reboot: ifRequired asks the host: without /run/reboot-required it goes on")
    func ifRequired() async throws {
        let repository = try TestRepository()
        let world = try World()
        let one = try await release(repository, "1.0", .ifRequired)
        let two = try await release(repository, "2.0", .ifRequired)
        var host = try await TestHost(repository, root: world.root, reboot: world.settings)
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        #expect(try UnitTypeTests.lines(world.root).isEmpty)
        try world.root.directory.writeDurably("run/reboot-required", [])
        await host.agent.offer(try repository.assignment(2, .install, two))
        _ = try await poll { try UnitTypeTests.lines(world.root) == ["asked"] ? true : nil }
        await host.stop()
        await host.agent.close()
        try world.boot("second")
        try world.root.directory.removeFile("run/reboot-required")
        host = try await TestHost(repository, dir: host.dir, root: world.root, reboot: world.settings)
        #expect(try await host.finished(order(2)).outcome == .succeeded)
        try await host.end()
    }

    @Test("A restart that never comes, or that the host refuses, is backed out when its time is over")
    func never() async throws {
        for (program, code) in [("true", "agent.installation.deadline"), ("echo no; exit 4", "agent.reboot")] {
            let repository = try TestRepository()
            let world = try World(within: .seconds(15), program: program)
            // The way back needs no restart of its own: the old release asks for none, and the new one never ran.
            let one = try await release(repository, "1.0", nil)
            let two = try await release(repository, "2.0", .always)
            let host = try await TestHost(repository, root: world.root, reboot: world.settings)
            try await host.carryOut(repository.assignment(1, .install, one), order(1))
            let ended = try await host.carryOut(repository.assignment(2, .install, two), order(2))
            #expect(ended.outcome == .backedOut(.install), "\(ended)")
            #expect(ended.failure?.evidence.error.code == code)
            #expect(try host.version() == "1.0")
            #expect(try host.serving().count == 1)
            try await host.end()
        }
    }

    @Test("A release that fails after a restart is left by another one, which the journal remembers too")
    func backOut() async throws {
        let repository = try TestRepository()
        let world = try World()
        let one = try await release(repository, "1.0", nil)
        let two = try await release(repository, "2.0", .always, TestRepository.broken)
        var host = try await TestHost(repository, root: world.root, reboot: world.settings)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        await host.agent.offer(try repository.assignment(2, .install, two))
        for number in 1...2 {
            _ = try await poll { try UnitTypeTests.lines(world.root).count == number ? true : nil }
            await host.stop()
            await host.agent.close()
            try world.boot("run \(number)")
            host = try await TestHost(repository, dir: host.dir, root: world.root, reboot: world.settings)
        }
        let ended = try await host.finished(order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("A host whose administrator does not have it restarted takes no such release")
    func bounds() async throws {
        let repository = try TestRepository()
        let world = try World()
        let two = try await release(repository, "2.0", .ifRequired)
        let host = try await TestHost(
            repository, root: world.root, bounds: ["web": ProductBounds(reboot: false)], reboot: world.settings)
        let ended = try await host.carryOut(repository.assignment(1, .install, two), order(1))
        #expect(ended.failure?.evidence.error.code == "agent.bounds", "\(ended)")
        try await host.end()
    }
}
