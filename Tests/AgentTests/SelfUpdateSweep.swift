import AgentProtocol
import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("The real agent, killed at every durable act of its own update", .serialized)
struct SelfUpdateSweep {
    typealias Fixture = SelfUpdateFixture

    /// Points of each program that an ordinary run takes; `SLIPWAY_FAULTS=all` takes every one.
    private static let sample = 7
    private static let width = 3

    @Test("R19: the old or the new agent runs afterwards, the one that the journal and the record name")
    func sweep() async throws {
        let (shim, folder) = try await Shim.compile("faults")
        let repository = try TestRepository(others: [Fixture.product])
        let baseline = try await Fixture.baseline(repository)
        let new = try await Fixture.submit(repository, "90.0")
        try repository.publish(repository.assignment(2, .install, new), of: Fixture.product)
        let server = try await WebServer(repository)
        let isWhole = getenv("SLIPWAY_FAULTS") != nil
        for image in 1...3 {
            let count = try await Self.count(baseline, server.url, shim, image)
            try #require(count >= 3, "image \(image): \(count) calls")
            let step = isWhole ? 1 : max(1, count / Self.sample)
            let points = Array(stride(from: 1, through: count, by: step))
            let kills = try await withThrowingTaskGroup(of: Bool.self) { group in
                var kills = 0
                for (position, point) in points.enumerated() {
                    if position >= Self.width, try await group.next() == true { kills += 1 }
                    let url = server.url
                    group.addTask { try await Self.try(baseline, url, shim, image, point, new) }
                }
                for try await isKilled in group where isKilled { kills += 1 }
                return kills
            }
            // What follows the order's end does not come in the same number each time.
            #expect(kills * 10 >= points.count * 6, "image \(image): \(kills) of \(points.count) were killed")
            print("faults: update of the agent, program \(image): \(points.count) of \(count) calls")
        }
        try await server.end()
        withExtendedLifetime(folder) {}
    }

    private static func variables(_ shim: String, _ image: Int, _ more: [String: String]) -> [String: String] {
        more.merging(["LD_PRELOAD": shim, "FAULT_IMAGE": "\(image)", "FAULT_KIND": "change"]) { $1 }
    }

    /// The calls of an undisturbed update, up to its end.
    private static func count(_ baseline: TestHost, _ url: String, _ shim: String, _ image: Int) async throws -> Int {
        let agent = try await Fixture.host(baseline, url)
        let trace = try TemporaryFolder()
        let process = try agent.start(environment: variables(shim, image, ["FAULT_TRACE": trace.path + "/trace"]))
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        try await agent.kill(process)
        try await agent.end()
        let bytes = try trace.directory.readIfPresent("trace", sizeMax: ByteCount(16 << 20)) ?? []
        return bytes.count { $0 == UInt8(ascii: "\n") }
    }

    /// - Returns: whether it was killed.
    private static func `try`(
        _ baseline: TestHost, _ url: String, _ shim: String, _ image: Int, _ point: Int, _ new: HostRelease
    ) async throws -> Bool {
        let comment: Comment = "program \(image), call \(point)"
        let agent = try await Fixture.host(baseline, url)
        let first = try agent.start(environment: variables(shim, image, ["FAULT_AT": "\(point)"]))
        // It dies, or has got through.
        _ = try await poll { () -> Bool? in
            // A process that becomes another program looks ended for a moment.
            if !agent.isRunning(first) {
                try await SystemTime().sleep(for: .milliseconds(300))
                if !agent.isRunning(first) { return true }
            }
            return try agent.state.finished.contains { $0.order == (try? order(2)) } ? true : nil
        }
        let isKilled = !agent.isRunning(first)
        if !isKilled { try await agent.kill(first) }
        let host = SupervisedAgent(agent)
        let ended = try await host.finished(try order(2))
        #expect(ended.outcome == .succeeded, comment)
        try await host.settled(on: new, comment)
        let outcomes = try agent.state.finished.filter { $0.order == (try? order(2)) }
        #expect(outcomes.count == 1, comment)
        try await host.end()
        return isKilled
    }
}
