import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("SIGKILL at each journal step", .serialized)
struct KillTests {
    /// Where an agent is killed: at the N-th line that it writes to its journal since it was started.
    struct Point: Sendable, CustomStringConvertible {
        var append: Int
        var when: String
        var description: String { "\(when) append \(append)" }
    }

    static let moments = ["before", "torn", "after"]
    static let width = 6

    @Test("An update that is killed anywhere ends on the new release, with a true report")
    func update() async throws {
        try await sweep(to: "2.0", files: [TestRepository.serve, TestRepository.healthy], ends: "2.0") {
            $0 == .succeeded
        }
    }

    @Test("R4, R15: a bad update that is killed anywhere ends on the old release, with a true report")
    func backOut() async throws {
        try await sweep(to: "2.0", files: [TestRepository.serve, TestRepository.broken], ends: "1.0") {
            $0 == .backedOut(.health)
        }
    }

    @Test("An update of files alone, of which less is written down, ends on the new release wherever it is killed")
    func files() async throws {
        var unit = try UnitTypeTests.plain("web", .tree, installTo: "/opt/web")
        unit.source = "tree"
        try await sweep(to: "2.0", files: [], units: [unit], ends: "2.0") { $0 == .succeeded }
    }

    /// Kills at every append of the whole way, until an agent gets through without being killed.
    private func sweep(
        to version: String, files: [TestRepository.File], units: [UnitDefinition]? = nil, ends: String,
        _ isExpected: @escaping @Sendable (HostOutcome) -> Bool
    ) async throws {
        let repository = try TestRepository()
        let baseline = try await TestHost.baseline(repository, units: units)
        let new = try await repository.submit(version, files: files, units: units)
        try repository.publish(repository.assignment(2, .install, new))
        let server = try await WebServer(repository)

        let appends = try await Self.countAppends(baseline, server.url)
        #expect(appends >= (units == nil ? 9 : 5), "what changes the host is journalled")
        let points = (1...appends).flatMap { append in Self.moments.map { Point(append: append, when: $0) } }
        try await inParallel(points, width: Self.width) {
            try await Self.killAndRecover(
                baseline, server.url, at: $0, ends: ends, serves: units == nil, isExpected)
        }
        try await server.end()
    }

    /// How many lines an agent writes on the whole way, undisturbed.
    private static func countAppends(_ baseline: TestHost, _ url: String) async throws -> Int {
        let agent = try await RealAgent(copying: baseline, repository: url)
        let before = try lines(agent)
        let process = try agent.start()
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        let count = try lines(agent) - before
        try await agent.kill(process)
        try await agent.end()
        return count
    }

    private static func lines(_ agent: RealAgent) throws -> Int {
        JournalReading(try agent.dir.directory.read("journal", sizeMax: ByteCount(1 << 20))).lines.count
    }

    private static func killAndRecover(
        _ baseline: TestHost, _ url: String, at point: Point, ends: String, serves: Bool,
        _ isExpected: (HostOutcome) -> Bool
    ) async throws {
        let agent = try await RealAgent(copying: baseline, repository: url)
        let killed = try agent.start(environment: [
            "SLIPWAY_FAULT_KILL_AT": "\(point.append)", "SLIPWAY_FAULT_KILL_WHEN": point.when,
        ])
        _ = try await poll { agent.isRunning(killed) ? nil : true }
        // Never between: the link shows one whole tree at the moment of death.
        let atDeath = try agent.version()
        #expect(atDeath == "1.0" || atDeath == "2.0", "\(point)")
        let said = try agent.state
        if let outcome = Self.outcomes(said).first, isExpected(outcome.outcome) {
            #expect(atDeath == ends, "\(point): a report that was not true yet")
        }

        // What was on its way was not flushed: after a power cut it may have its names and lengths, and nothing in it.
        let downloads = try agent.dir.directory.directory("downloads")
        for entry in try downloads.list() where entry.kind == .file {
            let size = try downloads.status(entry.name)?.size.value ?? 0
            try downloads.writeDurably(entry.name, [UInt8](repeating: 0, count: Int(size)))
        }

        let again = try agent.start()
        let finished: FinishedOrder
        do {
            finished = try await poll(within: .seconds(60)) {
                try agent.state.finished.first { $0.order == (try order(2)) }
            }
        } catch {
            let log = String(
                decoding: try agent.dir.directory.read("agent.log", sizeMax: ByteCount(1 << 20)), as: UTF8.self)
            Issue.record("\(point): the order never ended. \(log.tail(4000))")
            throw error
        }
        #expect(isExpected(finished.outcome), "\(point): \(finished.outcome) \(finished.failure.map { "\($0)" } ?? "")")
        #expect(try agent.version() == ends, "\(point)")
        let state = try agent.state
        let outcomes = Self.outcomes(state)
        #expect(outcomes.count == 1, "\(point): one report of how it ended, not \(outcomes.count)")
        #expect(outcomes.first?.outcome == finished.outcome)
        #expect(outcomes.first?.running?.release.version.text == ends, "\(point)")
        #expect(state.reports.map(\.sequence) == Array(1...Int64(state.reports.count)), "\(point)")
        // One process serves, from the tree that the link shows; nothing is left over.
        let proc = try Directory.open("/proc")
        let folders = agent.services.compactMap { try? proc.readLink("\($0.processID)/cwd") }
        let areRight = serves ? folders.count == 1 && folders[0].contains("/web.releases/\(ends)-") : folders.isEmpty
        #expect(areRight, "\(point): \(folders)")
        #expect(try agent.root.directory.status("opt/web.releases/.staging") == nil, "\(point)")
        #expect(try agent.root.directory.status("opt/.web.next") == nil, "\(point)")
        try await agent.kill(again)
        try await agent.end()
    }

    private static func outcomes(_ state: HostState) -> [OrderOutcome] {
        state.reports.compactMap { report in
            guard case .outcome(let outcome) = report.body, outcome.order.rollout.text == "rollout-2" else {
                return nil
            }
            return outcome
        }
    }
}
