import AgentProtocol
import Effects
import ReleaseDefinition
import ReleasePackaging
import Testing

@testable import AgentLibrary

@Suite("The agent, with real files and processes")
struct AgentTests {
    @Test("Installs, updates and backs out by order; the service follows, reports tell it all")
    func wholeWay() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)

        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")
        #expect(try host.version() == "1.0")
        #expect(try host.root.directory.readLink("opt/web") == "web.releases/\(one.folder)")
        #expect(try host.serving().map { $0.hasSuffix(one.folder) } == [true])

        let second = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(second.outcome == .succeeded, "\(second)")
        #expect(try host.version() == "2.0")
        #expect(try host.serving().map { $0.hasSuffix(two.folder) } == [true])
        #expect(try host.root.directory.status("opt/web.releases/.staging") == nil)
        #expect(try host.dir.directory.list("downloads").isEmpty)

        let back = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().map { $0.hasSuffix(one.folder) } == [true])
        #expect(await host.record.current == one)

        // Sequences without gaps, one outcome for each order, and the steps in their order.
        let reports = await host.reports
        #expect(reports.map(\.sequence) == Array(1...Int64(reports.count)))
        let outcomes = reports.compactMap { if case .outcome(let it) = $0.body { it } else { nil } }
        #expect(outcomes.map(\.outcome) == [.succeeded, .succeeded, .backedOut(nil)])
        #expect(outcomes.last?.running?.release == one.name)
        let steps = reports.compactMap { report -> InstallationStep? in
            guard case .progress(let it) = report.body, it.order.rollout.text == "rollout-1" else { return nil }
            return it.step
        }
        #expect(
            steps == [
                .received, .verified, .preflight, .staged, .stopping, .switched, .starting, .checking, .committed,
            ])
        try await host.end()
    }

    @Test("A release that is never healthy is backed out by itself; the evidence shows why")
    func unhealthy() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let bad = try await repository.submit("2.0", files: [TestRepository.serve, TestRepository.broken])
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.health))
        #expect(ended.failure?.evidence.step == .checking)
        #expect(ended.failure?.evidence.error.code == "agent.health.failed")
        #expect(ended.failure?.evidence.logTail.contains("out of order") == true)
        #expect(ended.failure?.evidence.logTail.contains("serving 2.0") == true)
        #expect(try host.version() == "1.0")
        #expect(try host.serving().map { $0.hasSuffix(one.folder) } == [true])
        #expect(await host.record.releases.first { $0.release == bad }?.standing == .failed)

        // R22: the same word again is not carried out again.
        let count = await host.reports.count
        await host.agent.offer(try repository.assignment(2, .install, bad))
        #expect(await host.reports.count == count)
        try await host.end()
    }

    @Test("A first install that fails is backed out to nothing")
    func firstFails() async throws {
        let repository = try TestRepository()
        let bad = try await repository.submit("1.0", files: [TestRepository.serve, TestRepository.broken])
        let host = try await TestHost(repository)
        let ended = try await host.carryOut(repository.assignment(1, .install, bad), order(1))
        #expect(ended.outcome == .backedOut(.health))
        #expect(try host.root.directory.status("opt/web") == nil)
        #expect(try host.serving().isEmpty)
        #expect(await host.record.current == nil)
        try await host.end()
    }

    @Test("A service that ends by itself at once is not healthy")
    func crashingService() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let crashing = TestRepository.File("tree/bin/serve", "#!/bin/sh\necho cannot start\nexit 3\n")
        // Longer than a busy machine takes to get round to starting it.
        var unit = try TestRepository.unit()
        unit.minimumHealthy = .seconds(10)
        let bad = try await repository.submit("2.0", files: [crashing, TestRepository.healthy], units: [unit])
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let ended = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(ended.outcome == .backedOut(.health), "\(ended)")
        #expect(ended.failure?.evidence.logTail.contains("cannot start") == true)
        #expect(try host.version() == "1.0")
        try await host.end()
    }

    @Test("A service that ends later is started again")
    func restarted() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let first = try #require(servicesRunning(in: host.dir.path).first)
        try await LiveProcesses().stopService(first, grace: .seconds(5))
        let second = try await poll { servicesRunning(in: host.dir.path).first { $0 != first } }
        #expect(second != first)
        try await host.end()
    }

    @Test("A tampered payload is refused before anything is touched")
    func tampered() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let unit = try #require(try repository.manifest(of: two).units.first)
        try repository.tamper(with: unit.payload.compressed)
        let ended = try await host.carryOut(repository.assignment(2, .install, two), order(2))
        #expect(ended.outcome == .failed(.verify), "\(ended)")
        #expect(ended.failure?.evidence.error.code == "packaging.blob.digest")
        #expect(try host.version() == "1.0")
        #expect(try host.serving().count == 1)
        try await host.end()
    }

    @Test("A changed envelope is refused and is no order at all; an unapproved manifest is not installed")
    func untrusted() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository)
        var envelope = try repository.assignment(1, .install, one)
        if case .object(var members) = envelope {
            members[0].value = .string("eyJ9")
            envelope = .object(members)
        }
        await host.agent.offer(envelope)
        #expect(await host.agent.host.finished.isEmpty)

        var unapproved = one
        unapproved.manifest = SHA256Digest(of: [1])
        let ended = try await host.carryOut(repository.assignment(2, .install, unapproved), order(2))
        #expect(ended.outcome == .failed(.verify))
        #expect(ended.failure?.evidence.error.code.hasPrefix("trust.") == true)
        #expect(try host.root.directory.status("opt/web") == nil)
        try await host.end()
    }

    @Test("R52: an older counter is a replay, and an older version is no update")
    func replay() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, two, counter: 50), order(1))
        let replayed = try await host.carryOut(repository.assignment(2, .install, one, counter: 49), order(2))
        #expect(replayed.outcome == .superseded)
        let older = try await host.carryOut(repository.assignment(3, .install, one, counter: 51), order(3))
        #expect(older.outcome == .failed(.preflight) || older.outcome == .failed(.verify))
        #expect(older.failure?.evidence.error.code == "agent.downgrade")
        let same = try await host.carryOut(repository.assignment(4, .install, two, counter: 52), order(4))
        #expect(same.outcome == .alreadyCurrent)
        #expect(try host.version() == "2.0")
        try await host.end()
    }

    @Test("What a service shares between releases stays")
    func persistent() async throws {
        let repository = try TestRepository()
        let units = [try TestRepository.unit(persistent: ["data/uploads", "logs"])]
        let seed = TestRepository.File("tree/logs/seed", "first", isProgram: false)
        let files = [TestRepository.serve, TestRepository.healthy, seed]
        let one = try await repository.submit("1.0", files: files, units: units)
        let two = try await repository.submit("2.0", files: files, units: units)
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let shared = try Directory.open(host.root.path + "/opt/web/data/uploads")
        try shared.writeDurably("kept", Array("by all".utf8))
        try await host.carryOut(repository.assignment(2, .install, two), order(2))
        let after = try Directory.open(host.root.path + "/opt/web/data/uploads")
        #expect(try after.read("kept", sizeMax: ByteCount(100)) == Array("by all".utf8))
        let logs = try Directory.open(host.root.path + "/opt/web/logs")
        #expect(try logs.read("seed", sizeMax: ByteCount(100)) == Array("first".utf8))
        let back = try await host.carryOut(repository.assignment(2, .backOut, two), order(2, .backOut))
        #expect(back.outcome == .backedOut(nil), "\(back)")
        try await host.end()
    }

    @Test("A real folder in the link's place is refused, with the command that adopts it")
    func foreignFolder() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository)
        _ = try host.root.directory.createDirectory("opt/web")
        let ended = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(ended.outcome == .failed(.preflight), "\(ended)")
        #expect(ended.failure?.evidence.error.remedy.contains("slipway-agent adopt") == true)
        #expect(try host.root.directory.status("opt/web")?.kind == .directory)
        try await host.end()
    }

    @Test("What a release requires must run on the host")
    func requirements() async throws {
        let repository = try TestRepository()
        let ledger = ProductRequirement(product: try ProductName("ledger"), version: try VersionRange(">=2.1 <3"))
        let one = try await repository.submit("1.0", requires: [ledger])
        let host = try await TestHost(repository)
        let ended = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(ended.outcome == .failed(.preflight))
        #expect(ended.failure?.evidence.error.code == "agent.preflight.requires")
        try await host.end()
    }

    @Test("R11: old releases are deleted, the running and the last good one never")
    func retention() async throws {
        let repository = try TestRepository()
        let host = try await TestHost(repository)
        var all: [HostRelease] = []
        for number in 1...4 {
            let release = try await repository.submit("\(number).0", keep: 2)
            all.append(release)
            try await host.carryOut(repository.assignment(number, .install, release), order(number))
        }
        let kept = all.suffix(2).map(\.folder).sorted()
        for folder in [host.root.path + "/opt/web.releases", host.dir.path + "/releases/web"] {
            let found = try await poll {
                let names = try Directory.open(folder).list().map(\.name)
                return names.count == 2 ? names : nil
            }
            #expect(found == kept)
        }
        try await host.end()
    }

    @Test("After a restart of the agent the service is found again, and reports are still there")
    func agentRestart() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository)
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let before = servicesRunning(in: host.dir.path)
        let reports = await host.reports
        await host.stop()
        #expect(servicesRunning(in: host.dir.path) == before)
        await host.agent.close()
        let again = try await TestHost(repository, dir: host.dir, root: host.root)
        #expect(servicesRunning(in: host.dir.path) == before)
        #expect(await Array(again.reports.prefix(reports.count)) == reports)
        // R22: known orders stay known.
        let count = await again.agent.host.finished.count
        await again.agent.offer(try repository.assignment(1, .install, one))
        #expect(await again.agent.host.finished.count == count)
        try await again.end()
    }
}
