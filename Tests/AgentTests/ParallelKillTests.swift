import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("SIGKILL at each journal step of two slots", .serialized)
struct ParallelKillTests {
    typealias Fixture = ParallelFixture
    private static let width = 6

    @Test("An update that is killed anywhere ends with the new release serving from its slot")
    func update() async throws { try await sweep(isSound: true) }

    @Test("A bad update that is killed anywhere ends with the old release serving, which never stopped")
    func backOut() async throws { try await sweep(isSound: false) }

    private func sweep(isSound: Bool) async throws {
        let repository = try TestRepository()
        let settings = Fixture.linked(drain: .milliseconds(200))
        let old = try await repository.submit(
            "1.0", files: [Fixture.serve, Fixture.check(true)], units: [Fixture.unit(settings)])
        let new = try await repository.submit(
            "2.0", files: [Fixture.serve, Fixture.check(isSound)], units: [Fixture.unit(settings, isSound: isSound)])
        let (root, variables) = try Fixture.world()
        let baseline = try await TestHost(repository, root: root, variables: variables)
        try await baseline.carryOut(repository.assignment(1, .install, old), order(1))
        await baseline.stop()
        try await Fixture.end(baseline.dir)
        try repository.publish(repository.assignment(2, .install, new))
        let server = try await WebServer(repository)
        let url = server.url
        let ends = isSound ? "2.0" : "1.0"
        let appends = try await Self.countAppends(baseline, url)
        #expect(appends >= 12, "every step is journalled")
        try await inParallel(Array(1...appends), width: Self.width) { append in
            let when = KillTests.moments[append % KillTests.moments.count]
            try await Self.killAndRecover(baseline, url, append, when, ends)
        }
        try await server.end()
    }

    private static func agent(_ baseline: TestHost, _ url: String) async throws -> RealAgent {
        try await RealAgent(copying: baseline, repository: url) { $0.variables = ["RUN": $1 + "/run"] }
    }

    private static func countAppends(_ baseline: TestHost, _ url: String) async throws -> Int {
        let agent = try await agent(baseline, url)
        let lines = { JournalReading(try agent.dir.directory.read("journal", sizeMax: ByteCount(1 << 20))).lines.count }
        let before = try lines()
        let process = try agent.start()
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        let count = try lines() - before
        try await agent.kill(process)
        try await Fixture.end(agent.dir)
        return count
    }

    private static func killAndRecover(
        _ baseline: TestHost, _ url: String, _ append: Int, _ when: String, _ ends: String
    ) async throws {
        let point: Comment = "\(when) append \(append)"
        let agent = try await agent(baseline, url)
        let killed = try agent.start(environment: [
            "SLIPWAY_FAULT_KILL_AT": "\(append)", "SLIPWAY_FAULT_KILL_WHEN": when,
        ])
        _ = try await poll { agent.isRunning(killed) ? nil : true }
        // What the link shows at the moment of death answers: some release serves all the time.
        _ = try await poll { try await answer(agent) }
        let again = try agent.start()
        let finished = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        #expect(finished.outcome == (ends == "2.0" ? .succeeded : .backedOut(.health)), point)
        #expect(try agent.version() == ends, point)
        #expect(try await answer(agent) == ends, point)
        let serving: SlotName = ends == "2.0" ? .b : .a
        #expect(Fixture.running(agent.dir, serving).count == 1, point)
        #expect(Fixture.running(agent.dir, serving.other).count == (ends == "2.0" ? 1 : 0), point)
        #expect(try agent.root.directory.list("run").allSatisfy { !$0.name.hasPrefix(".") }, point)
        try await agent.kill(again)
        try await Fixture.end(agent.dir)
    }

    /// The version that answers through the link; nil: none does.
    private static func answer(_ agent: RealAgent) async throws -> String? {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/curl",
                arguments: [
                    "--silent", "--max-time", "5", "--unix-socket", agent.root.path + "/run/active", "http://slot/",
                ], workingDirectory: "/", timeout: .seconds(20)))
        return result.end == .exited(0) ? result.output : nil
    }
}
