import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("When the agent changes itself")
struct SelfUpdateOrderTests {
    typealias Fixture = SelfUpdateFixture

    /// Moments of a deployment.
    private static let moments = Sweep.amount(500, sample: 20)
    private static let width = Sweep.width(sample: 4)

    /// An agent that is let go where its process would become another program, and made anew as that one.
    private final class Reborn: Sendable {
        let repository: TestRepository.Reader
        private let wanted = Mutex(false)

        init(_ repository: TestRepository) { self.repository = .init(directory: repository.folder.directory) }

        func door(running: String?) -> ProgramDoor {
            ProgramDoor(
                running: running, base: "/usr/bin/slipway-agent", restart: { self.wanted.withLock { $0 = true } })
        }

        var isWanted: Bool { wanted.withLock { $0 } }
        func isDone() { wanted.withLock { $0 = false } }
    }

    /// Carries on, as whichever program is to run, until the orders have ended.
    private static func settle(
        _ repository: TestRepository, _ first: TestHost, _ reborn: Reborn, _ orders: [OrderID]
    ) async throws -> TestHost {
        var host = first
        while true {
            let state = await host.agent.host
            if orders.allSatisfy({ order in state.finished.contains { $0.order == order } }) { return host }
            if reborn.isWanted {
                await host.stop()
                await host.agent.close()
                reborn.isDone()
                let record = try ProgramRecord.read(in: host.dir.directory)
                let running = record.isOnTrial ? record.trial?.release : record.confirmed
                host = try await TestHost(
                    repository, dir: host.dir, root: host.root,
                    program: reborn.door(running: running?.release.folder))
                host.agent.checkIn.note()
            }
            try await SystemTime().sleep(for: .milliseconds(5))
        }
    }

    @Test("R17: ordered at any moment of a deployment, the agent's own update waits for its end, and both end well")
    func duringDeployment() async throws {
        let repository = try TestRepository(others: [Fixture.product])
        let one = try await repository.submit("1.0")
        let two = try await repository.submit("2.0")
        let agent = try await Fixture.submit(repository, "90.0")
        let words = (
            try repository.assignment(1, .install, one), try repository.assignment(2, .install, two),
            try repository.assignment(3, .install, agent)
        )
        // Nothing is written into it from here on.
        nonisolated(unsafe) let shared = repository
        var random = SystemRandomNumberGenerator()
        let waits = (0..<Self.moments).map { _ in Int64.random(in: 0...900, using: &random) }
        try await inParallel(waits, width: Self.width) { wait in
            let reborn = Reborn(shared)
            var host = try await TestHost(shared, program: reborn.door(running: nil))
            try await host.carryOut(words.0, try order(1))
            await host.agent.offer(words.1)
            try await SystemTime().sleep(for: .milliseconds(wait))
            await host.agent.offer(words.2)
            host = try await Self.settle(shared, host, reborn, [try order(2), try order(3)])
            let state = await host.agent.host
            let ended = state.finished.filter { $0.order != (try? order(1)) }
            #expect(ended.map(\.outcome) == [.succeeded, .succeeded], "after \(wait) ms: \(ended)")
            #expect(try ended.map(\.order) == [order(2), order(3)], "the deployment first: \(wait) ms")
            #expect(try host.version() == "2.0")
            #expect(try host.serving().count == 1)
            #expect(state.record(of: Fixture.product).current == agent)
            #expect(try ProgramRecord.read(in: host.dir.directory).confirmed?.release == agent)
            try await host.end()
        }
    }

    @Test("While a product waits for a person the agent does not change itself")
    func locked() async throws {
        let repository = try TestRepository(others: [Fixture.product])
        let fatal = TestRepository.File("tree/bin/check", "#!/bin/sh\nexit 1\n")
        var unit = try TestRepository.unit(hooks: [.stop: "hooks/stop", .start: "hooks/start"])
        unit.service = .hooks
        let one = try await repository.submit(
            "1.0",
            files: [
                TestRepository.serve, TestRepository.File("tree/bin/check", "#!/bin/sh\n[ ! -e /tmp/none ]\n"),
                .init("hooks/stop", "#!/bin/sh\n"),
                .init("hooks/start", "#!/bin/sh\n[ ! -e \"$0.once\" ] && touch \"$0.once\"\n"),
            ], units: [unit])
        let bad = try await repository.submit(
            "2.0",
            files: [
                TestRepository.serve, fatal, .init("hooks/stop", "#!/bin/sh\n"), .init("hooks/start", "#!/bin/sh\n"),
            ], units: [unit])
        let agent = try await Fixture.submit(repository, "90.0")
        let reborn = Reborn(repository)
        var host = try await TestHost(repository, program: reborn.door(running: nil))
        try await host.carryOut(repository.assignment(1, .install, one), order(1))
        let failed = try await host.carryOut(repository.assignment(2, .install, bad), order(2))
        #expect(failed.outcome == .backOutFailed, "\(failed)")
        await host.agent.offer(try repository.assignment(3, .install, agent))
        #expect(await host.agent.queue.count == 1)
        #expect(await host.agent.host.installation == nil)
        try await host.agent.record([.unlocked(product: TestRepository.product)])
        host.agent.ordersWake.call()
        host = try await Self.settle(repository, host, reborn, [try order(3)])
        #expect(await host.agent.host.finished.last?.outcome == .succeeded)
        try await host.end()
    }

    @Test("A release of the agent that could not be taken back, or that this host wants none of, is not installed")
    func refused() async throws {
        let repository = try TestRepository(others: [Fixture.product])
        let stray = UnitDefinition(
            name: UnitName(unchecked: "agent"), source: "tree", installTo: "/opt/elsewhere",
            minimumHealthy: .milliseconds(1))
        let file = TestRepository.File("tree/bin/slipway-agent", Fixture.Kind.good.program("/dev/null"))
        let wrong = try await repository.submit("90.0", files: [file], units: [stray], product: Fixture.product)
        let dumb = try await repository.submit(
            "91.0", files: [.init("tree/bin/slipway-agent", "#!/bin/sh\necho cannot\nexit 9\n")],
            units: [
                UnitDefinition(
                    name: UnitName(unchecked: "agent"), source: "tree", installTo: SelfUpdate.place,
                    minimumHealthy: .milliseconds(1))
            ], product: Fixture.product)
        let host = try await TestHost(repository, program: Reborn(repository).door(running: nil))
        for (number, release, code) in [(1, wrong, "agent.selfUpdate.form"), (2, dumb, "agent.selfUpdate.status")] {
            let ended = try await host.carryOut(repository.assignment(number, .install, release), order(number))
            #expect(ended.outcome == .failed(.install), "\(ended)")
            #expect(ended.failure?.evidence.error.code == code)
        }
        #expect(try ProgramRecord.read(in: host.dir.directory) == ProgramRecord())
        try await host.end()
    }

    @Test("A record of programs that nobody can read is put aside, and the packaged program goes on")
    func damaged() throws {
        let folder = try TemporaryFolder()
        for bytes in [Array("{".utf8), Array("[]".utf8), [], Array("{\"trial\":{\"starts\":\"x\"}}".utf8)] {
            try folder.directory.writeDurably(ProgramRecord.fileName, bytes)
            #expect(try ProgramRecord.read(in: folder.directory) == ProgramRecord())
        }
        try folder.directory.removeTree(ProgramRecord.fileName)
        _ = try folder.directory.createDirectory(ProgramRecord.fileName)
        #expect(try ProgramRecord.read(in: folder.directory) == ProgramRecord())
    }

    @Test("A probation is three starts, or its time, counted anew when the host was restarted")
    func trial() throws {
        let tree = AgentRelease(release: try release("9.0", product: "slipway-agent"), tree: "/opt/x")
        var trial = ProgramTrial(
            release: tree, starts: 0, boot: "one", since: .seconds(100), within: .minutes(10), ended: nil)
        #expect(trial.refusal(boot: "one", sinceBoot: .seconds(699)) == nil)
        #expect(trial.refusal(boot: "one", sinceBoot: .seconds(700)) != nil)
        #expect(trial.refusal(boot: "two", sinceBoot: .seconds(700)) == nil)
        trial = trial.started(boot: "two", sinceBoot: .seconds(5))
        #expect(trial.refusal(boot: "two", sinceBoot: .seconds(606)) != nil)
        var pauses: [TimeSpan] = [.zero]
        for _ in 0..<2 {
            pauses.append(trial.pause)
            #expect(trial.refusal(boot: "two", sinceBoot: .seconds(6)) == nil)
            trial = trial.started(boot: "two", sinceBoot: .seconds(6))
        }
        #expect(pauses == [.zero, .seconds(3), .seconds(9)])
        #expect(trial.refusal(boot: "two", sinceBoot: .seconds(6))?.contains("3 times") == true)
    }
}
