import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("A way back that failed is reported as it is")
struct FailedBackOutTests {
    /// What the agent last told the controller about the product.
    private static func told(_ host: TestHost) async -> InstalledRelease? {
        await host.reports.compactMap { report -> InstalledRelease? in
            switch report.body {
            case .outcome(let outcome): outcome.running
            case .inventory(let inventory): inventory.installed.first
            case .health(let health): health.running
            case .progress: nil
            }
        }.last
    }

    private static func word(_ release: HostRelease, isHealthy: Bool) -> InstalledRelease {
        InstalledRelease(release: release.name, manifest: release.manifest, isHealthy: isHealthy)
    }

    /// What `slipway-agent` prints on that host.
    private static func printed(_ words: String..., on host: TestHost) async throws -> String {
        try RealAgent.configuration(repository: "http://127.0.0.1:1", root: host.root.path).write(
            in: host.dir.directory)
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: RealAgent.program, arguments: words + ["--dir", host.dir.path], workingDirectory: "/",
                timeout: .seconds(60)))
        #expect(result.end == .exited(0), "\(words): \(result.output)")
        return result.output
    }

    /// 1.0 is healthy as long as `trouble/flag` is not there; 2.0 runs and is healthy in any case.
    private static func host(_ trouble: TemporaryFolder) async throws -> (
        repository: TestRepository, host: TestHost, one: HostRelease, two: HostRelease
    ) {
        let repository = try TestRepository()
        let check = TestRepository.File("tree/bin/check", "#!/bin/sh\n[ ! -e \(trouble.path)/flag ]\n")
        let one = try await repository.submit("1.0", files: [TestRepository.serve, check])
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        return (repository, host, one, two)
    }

    @Test("Checks that fail on the old release too: it is what runs, not healthy and locked, in every word of the host")
    func checksFailThereToo() async throws {
        let trouble = try TemporaryFolder()
        let (repository, host, one, two) = try await Self.host(trouble)
        try trouble.directory.writeDurably("flag", [])
        let ended = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        #expect(try host.version() == "1.0")
        #expect(await host.record.current == one)
        #expect(await Self.told(host) == Self.word(one, isHealthy: false))
        let status = try await Self.printed("status", on: host)
        #expect(status.contains("web      \(one) "), "\(status)")
        #expect(status.contains("not healthy, locked by \(try order(2, .backOut))"), "\(status)")
        #expect(status.contains("Next: slipway-agent why web"), "\(status)")
        let why = try await Self.printed("why", "web", on: host)
        #expect(why.contains("runs now: \(one), not healthy"), "\(why)")
        #expect(why.contains("slipway-agent unlock web"), "\(why)")

        // Asked again, by an order to go back or to install: it says the same.
        var again = try order(2, .backOut)
        again.attempt = 2
        try await host.agent.start(
            QueuedOrder(order: again, release: two.name, manifest: two.manifest, isUrgent: false))
        #expect(try await host.finished(again).outcome == .backOutFailed)
        #expect(await Self.told(host) == Self.word(one, isHealthy: false))
        let three = try await repository.submit("3.0")
        let refused = try await host.carryOut(repository.assignment(3, .install, three), order(3))
        if case .skipped = refused.outcome {} else { Issue.record("\(refused)") }
        // Not what was refused since, but what locked it.
        #expect(try await Self.printed("why", "web", on: host).contains("\nfailed in "))
        #expect(await Self.told(host) == Self.word(one, isHealthy: false))

        // The link goes too: status says what is there, not what is known.
        try host.root.directory.removeFile("opt/web")
        #expect(try await Self.printed("status", on: host).contains("nothing of it is there"))
        try host.root.directory.createSymlink("opt/web", to: "web.releases/\(one.folder)")
        try await host.end()
    }

    @Test("Unlocked, it is healthy once its checks pass again, and not before")
    func unlocked() async throws {
        let trouble = try TemporaryFolder()
        let (repository, first, one, two) = try await Self.host(trouble)
        try trouble.directory.writeDurably("flag", [])
        let ended = try await first.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        try await first.agent.record([.unlocked(product: TestRepository.product)])
        await first.stop()
        await first.agent.close()

        let host = try await TestHost(repository, dir: first.dir, root: first.root)
        #expect(await Self.told(host) == Self.word(one, isHealthy: false))
        try await host.agent.checkHealth()
        #expect(await host.agent.inventory().installed == [Self.word(one, isHealthy: false)])
        #expect(try await Self.printed("status", on: host).contains("not seen healthy since a way back failed"))
        try trouble.directory.removeFile("flag")
        try await host.agent.checkHealth()
        #expect(await Self.told(host) == Self.word(one, isHealthy: true))

        let three = try await repository.submit("3.0")
        let installed = try await host.carryOut(repository.assignment(3, .install, three), order(3))
        #expect(installed.outcome == .succeeded, "\(installed)")
        #expect(await host.record.lastGood(before: three) == one)
        #expect(try await Self.printed("status", on: host).contains("  ok"))
        try await host.end()
    }

    @Test("What a failed way back left is never returned to: an order that fails after it goes to what was proved here")
    func leftBehind() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let bad = try await repository.submit("2.0", files: [TestRepository.serve, TestRepository.broken])
        let worse = try await repository.submit("3.0", files: [TestRepository.serve, TestRepository.broken])
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let tree = try host.root.directory.directory("opt/web.releases/\(one.folder)")
        try tree.writeDurably("VERSION", Array("6.6".utf8))
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        #expect(try host.version() == "2.0")
        #expect(await host.record.current == bad)
        #expect(await Self.told(host) == Self.word(bad, isHealthy: false))

        try tree.writeDurably("VERSION", Array("1.0".utf8))
        try await host.agent.record([.unlocked(product: TestRepository.product)])
        // Not taken for current either: it never was healthy here.
        let again = try await host.carryOut(repository.assignment(4, .install, bad), order(4))
        #expect(again.outcome == .backedOut(.health), "\(again)")
        #expect(try host.version() == "1.0")
        let last = try await host.carryOut(repository.assignment(5, .install, worse), order(5))
        #expect(last.outcome == .backedOut(.health), "\(last)")
        #expect(try host.version() == "1.0")
        #expect(await Self.told(host) == Self.word(one, isHealthy: true))
        try await host.end()
    }

    @Test("Where a step of the way back fails half-way the links of the units disagree, and that is said")
    func halfWay() async throws {
        let repository = try TestRepository()
        let notes = try TemporaryFolder()
        let units = [try UnitTypeTests.plain("tune", .script), try TestRepository.unit()]
        let sound = [TestRepository.serve, TestRepository.healthy]
        let one = try await repository.submit(
            "1.0", files: UnitTypeTests.script("tune", notes.path + "/notes") + sound, units: units)
        let two = try await repository.submit(
            "2.0", files: UnitTypeTests.script("tune", notes.path + "/notes", backOut: 1) + sound, units: units)
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        let ended = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        #expect(try host.version() == "1.0")
        let words = "tune shows 2.0, web shows 1.0"
        #expect(ended.failure?.evidence.backOutError?.summary.contains(words) == true, "\(ended)")
        // The release that is to be left may still be there: that is the careful answer.
        #expect(await host.record.current == two)
        #expect(await Self.told(host) == Self.word(two, isHealthy: false))
        #expect(try await Self.printed("status", on: host).contains(words))
        #expect(try await Self.printed("why", "web", on: host).contains("its links: \(words)"))
        try await host.end()
    }
}
