import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing
import enum TestSupport.Shim

@testable import AgentLibrary

@Suite("The real agent, killed and failed at every durable act of its own update", .serialized)
struct SelfUpdateSweep {
    typealias Fixture = SelfUpdateFixture

    /// Points of each program that an ordinary run takes.
    private static func sample(_ kind: FaultPoint.Kind) -> Int { kind == .kill ? 7 : 3 }
    /// An update waits most of its time: for the next look at the repository, for a start, for its probation.
    private static let width = Sweep.isWhole ? 2 * Sweep.width(sample: 3) : 3

    private struct World: Sendable {
        var baseline: TestHost
        var url: String
        var shim: String
        var new: HostRelease
    }

    private struct Point: Sendable, CustomStringConvertible {
        var image: Int
        var kind: FaultPoint.Kind
        var number: Int
        var description: String { "program \(image), \(kind) at call \(number)" }
    }

    @Test("R19: the old or the new agent runs afterwards, the one that the journal and the record name")
    func sweep() async throws {
        let (shim, folder) = try await Shim.compile("faults")
        let repository = try TestRepository(others: [Fixture.product])
        let baseline = try await Fixture.baseline(repository)
        let new = try await Fixture.submit(repository, "90.0")
        try repository.publish(repository.assignment(2, .install, new), of: Fixture.product)
        let server = try await WebServer(repository)
        let world = World(baseline: baseline, url: server.url, shim: shim, new: new)
        for image in 1...3 {
            // Kills and failing changes are counted alike.
            let changes = try await Self.trace(world, image, .kill)
            let opens = try await Self.trace(world, image, .descriptors)
            for kind in FaultPoint.Kind.allCases where kind != .quota {
                try await Self.sweep(world, image, kind, places: kind.countsOpens ? opens : changes)
            }
        }
        try await server.end()
        withExtendedLifetime(folder) {}
    }

    private static func sweep(_ world: World, _ image: Int, _ kind: FaultPoint.Kind, places: [String]) async throws {
        try #require(places.count >= 3, "program \(image): \(places.count) calls")
        let points = Sweep.calls(places, sample: sample(kind)).map { Point(image: image, kind: kind, number: $0) }
        var coverage = SweepCoverage("update of the agent, program \(image), \(kind)", places: places)
        coverage.add(try await inParallel(points, width: width) { try await Self.try($0, world) })
        // What follows the order's end does not come in the same number each time.
        if kind == .kill {
            let kills = coverage.hits.count { $0.isKilled }
            #expect(kills * 10 >= points.count * 6, "program \(image): \(kills) of \(points.count) were killed")
        }
        print(coverage.description)
    }

    private static func variables(
        _ world: World, _ image: Int, _ kind: FaultPoint.Kind, _ more: [String: String]
    ) -> [String: String] {
        let all = [
            "LD_PRELOAD": world.shim, "FAULT_IMAGE": "\(image)", "FAULT_ERRNO": "\(kind.rawValue)",
            "FAULT_KIND": kind.countsOpens ? "open" : "change",
        ]
        return more.merging(all) { $1 }
    }

    /// The calls of an undisturbed update, up to its end.
    private static func trace(_ world: World, _ image: Int, _ kind: FaultPoint.Kind) async throws -> [String] {
        let agent = try await Fixture.host(world.baseline, world.url)
        let trace = try TemporaryFolder()
        let process = try agent.start(
            environment: variables(world, image, kind, ["FAULT_TRACE": trace.path + "/trace"]))
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        try await agent.kill(process)
        try await agent.end()
        let bytes = try trace.directory.readIfPresent("trace", sizeMax: ByteCount(16 << 20)) ?? []
        return places(bytes, agent)
    }

    private static func places(_ lines: [UInt8], _ agent: RealAgent) -> [String] {
        Sweep.places(lines, [(agent.dir.path, "AGENT"), (agent.root.path, "")])
    }

    private static func `try`(_ point: Point, _ world: World) async throws -> SweepHit {
        let comment: Comment = "\(point)"
        let agent = try await Fixture.host(world.baseline, world.url)
        let hit = try TemporaryFolder()
        let first = try agent.start(
            environment: variables(
                world, point.image, point.kind, ["FAULT_AT": "\(point.number)", "FAULT_HIT": hit.path + "/hit"]))
        // It dies, or has got through.
        _ = try await poll { () -> Bool? in
            // A process that becomes another program looks ended for a moment.
            if !agent.isRunning(first) {
                try await SystemTime().sleep(for: .milliseconds(300))
                if !agent.isRunning(first) { return true }
            }
            return try agent.state.finished.contains { $0.order == (try? order(2)) } ? true : nil
        }
        let hasEnded = !agent.isRunning(first)
        if !hasEnded { try await agent.kill(first) }
        let host = SupervisedAgent(agent)
        let ended = try await host.finished(try order(2))
        // Nobody who dies there fails; a call that fails may end the order, but then the old agent runs.
        if point.kind == .kill { #expect(ended.outcome == .succeeded, comment) }
        try await host.settled(on: ended.outcome == .succeeded ? world.new : nil, comment)
        let outcomes = try agent.state.finished.filter { $0.order == (try? order(2)) }
        #expect(outcomes.count == 1, comment)
        try await host.end()
        let lines = try hit.directory.readIfPresent("hit", sizeMax: ByteCount(1 << 20)) ?? []
        return SweepHit(isKilled: hasEnded, place: places(lines, agent).first)
    }
}
