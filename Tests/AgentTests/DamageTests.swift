import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Damage on the host")
struct DamageTests {
    @Test(
        "R37: with the journal gone or damaged the agent starts, says what runs, and goes on",
        arguments: ["gone", "empty", "noise", "gap"])
    func journal(kind: String) async throws {
        let repository = try TestRepository()
        let (host, _, two) = try await TestHost.updated(repository)
        let before = await host.reports
        await host.stop()
        await host.agent.close()
        switch kind {
        case "gone": try host.dir.directory.removeFile("journal")
        case "empty": try host.dir.directory.writeDurably("journal", [])
        case "noise": try host.dir.directory.writeDurably("journal", Array("noise\nmore noise\n".utf8))
        default:
            var bytes = try host.dir.directory.read("journal", sizeMax: ByteCount(1 << 20))
            bytes[bytes.count / 2] ^= 1
            try host.dir.directory.writeDurably("journal", bytes)
        }
        if kind != "gap" {
            let error = #expect(throws: AgentError.self) {
                try HostState.known(in: AgentFolder(base: host.dir.directory))
            }
            #expect(error?.code == "agent.journal.lost", "who only looks is not told that nothing runs")
        }
        let again = try await TestHost(repository, dir: host.dir, root: host.root)
        let known = await again.agent.host
        #expect(try HostState.known(in: AgentFolder(base: host.dir.directory)) == known)
        #expect(await again.record.current == two)
        #expect(try again.version() == "2.0")
        #expect(try again.serving().map { $0.hasSuffix(two.folder) } == [true])
        // A sequence is never used twice.
        let reused = await again.reports.filter { new in before.contains { $0.sequence == new.sequence && $0 != new } }
        #expect(reused.isEmpty)
        let three = try await repository.submit("3.0")
        let ended = try await again.carryOut(repository.assignment(3, .install, three), order(3))
        #expect(ended.outcome == .succeeded, "\(ended)")
        let back = try await again.carryOut(repository.assignment(3, .backOut, three), order(3, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try again.version() == "2.0")
        try await again.end()
    }

    @Test(
        "R10: garbage in every place of the agent's state is moved aside",
        arguments: ["downloads", "releases", "services", "logs", "services/web.web.json", "journal.ballast"])
    func garbage(path: String) async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        for kind in ["file", "folder", "link"] {
            let dir = try TemporaryFolder()
            if let slash = path.lastIndex(of: "/") { _ = try dir.directory.createDirectory(String(path[..<slash])) }
            switch kind {
            case "file": try dir.directory.writeDurably(path, Array("{\"half\":".utf8))
            case "folder":
                _ = try dir.directory.createDirectory(path)
                try dir.directory.writeDurably(path + "/noise", Array("noise".utf8))
            default: try dir.directory.createSymlink(path, to: "/nowhere")
            }
            let host = try await TestHost(repository, dir: dir)
            let ended = try await host.carryOut(repository.assignment(1, .install, one), order(1))
            #expect(ended.outcome == .succeeded, "\(path) as \(kind): \(ended)")
            try await host.end()
        }
    }

    @Test("R9, R10: what an interrupted installation left in the way does not matter")
    func leftovers() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository)
        let releases = try host.root.directory.createDirectory("opt/web.releases")
        try releases.createDirectory(".staging/deep/folder").writeDurably("file", [1])
        try releases.createDirectory(one.folder).writeDurably("half", [1, 2, 3])
        try host.root.directory.createSymlink("opt/.web.next", to: "nowhere")
        _ = try host.dir.directory.createDirectory("releases/web/\(one.folder)")
        let ended = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(ended.outcome == .succeeded, "\(ended)")
        #expect(try host.version() == "1.0")
        try await host.end()
    }

    @Test("A tree that was changed is not switched back to: two retries, then hands off and locked")
    func damagedTree() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let bad = try await repository.submit("2.0", files: [TestRepository.serve, TestRepository.broken])
        let three = try await repository.submit("3.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let tree = try host.root.directory.directory("opt/web.releases/\(one.folder)")
        try tree.writeDurably("VERSION", Array("6.6".utf8))
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        #expect(ended.failure?.evidence.error.code == "agent.health.failed")
        #expect(ended.failure?.evidence.backOutError?.code == "packaging.tree.changed")
        #expect(await host.record.lockedBy == (try order(2)))
        let outcome = await host.reports.compactMap { if case .outcome(let it) = $0.body { it } else { nil } }.last
        #expect(outcome?.running?.isHealthy == false)

        let refused = try await host.carryOut(repository.assignment(3, .install, three), order(3))
        guard case .skipped(let reason) = refused.outcome else {
            Issue.record("\(refused)")
            return
        }
        #expect(reason.contains("locked"))
        try await host.end()
    }

    @Test("What a back-out returns to without its manifest is not taken for nothing: the release that runs stays")
    func manifestGone() async throws {
        let repository = try TestRepository()
        let (host, one, two) = try await TestHost.updated(repository)
        try host.dir.directory.removeFile("releases/web/\(one.folder)/manifest.json")
        let ended = try await host.carryOut(repository.assignment(3, .backOut, two), order(3, .backOut))
        #expect(ended.outcome == .backOutFailed, "\(ended)")
        #expect(ended.failure?.evidence.backOutError?.code == "agent.release.absent", "\(ended)")
        #expect(try host.version() == "2.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("Files that a service left in its tree do not stand in the way of a back-out")
    func extraFiles() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let bad = try await repository.submit("2.0", files: [TestRepository.serve, TestRepository.broken])
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        try host.root.directory.writeDurably("opt/web.releases/\(one.folder)/bin/cache", [1, 2, 3])
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        try await host.end()
    }

    @Test(
        "R36: a full disk: the old release serves, the space is given back, the cause is reported",
        .enabled(if: geteuid() == 0))
    func fullDisk() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let text = Hexadecimal.encode(SystemRandom().bytes(1 << 20))
        let big = TestRepository.File("tree/data", text, isProgram: false)
        let two = try await repository.submit("2.0", files: [TestRepository.serve, TestRepository.healthy, big])
        let root = try TemporaryFolder()
        let disk = root.path + "/opt"
        _ = try root.directory.createDirectory("opt")
        guard mount("tmpfs", disk, "tmpfs", 0, "size=6m") == 0 else { return }
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let host = try await TestHost(repository, root: root)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let free = try Directory.open(disk).freeSpace()

        let refused = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(refused.outcome == .failed(.preflight), "\(refused)")
        #expect(refused.failure?.evidence.error.code == "agent.preflight.space")
        #expect(try Directory.open(disk).freeSpace() == free)
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test(
        "A host that could write nothing down says so for as long as that is so, and no longer, though nothing is recorded",
        .enabled(if: geteuid() == 0))
    func writableAgain() async throws {
        let around = try TemporaryFolder()
        let disk = around.path + "/disk"
        _ = try around.directory.createDirectory("disk")
        guard mount("tmpfs", disk, "tmpfs", 0, "size=8m") == 0 else { return }
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let host = try await TestHost(TestRepository(), dir: TemporaryFolder(in: disk))
        func fill(_ name: String) throws {
            let file = try Directory.open(disk).createFile(name, mode: 0o600)
            do { while true { try file.write([UInt8](repeating: 0x20, count: 4096)) } } catch {}
        }
        try fill("filling")
        // More than the space that the journal keeps for its last words, which it gives back.
        let long = try (1...20_000).map { HostChange.unlocked(product: try ProductName("product-\($0)")) }
        await #expect(throws: (any Error).self) { try await host.agent.record(long) }
        try fill("more")
        #expect(await host.agent.facts().unwritable?.contains("effects.file.noSpace") == true)
        #expect(await host.agent.facts().unwritable != nil, "nothing has changed")
        try Directory.open(disk).removeFile("filling")
        #expect(await host.agent.facts().unwritable == nil)
        await host.stop()
    }
}
