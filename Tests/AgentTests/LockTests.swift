import Effects
import Glibc
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("The lock of an agent's folder")
struct LockTests {
    /// 500 of them in scripts/faults, by several hosts at once.
    private static let moments = Sweep.amount(500, sample: 12)
    private static let hosts = Sweep.width(sample: 1)

    @Test("R6: an agent that is ended at any moment of an order leaves no lock behind")
    func endedAnywhere() async throws {
        let repository = try TestRepository()
        let baseline = try await TestHost.baseline(repository)
        let new = try await repository.submit("2.0")
        try repository.publish(repository.assignment(2, .install, new))
        let server = try await WebServer(repository)
        try await inParallel(Array(0..<Self.hosts), width: Self.hosts) { host in
            let agent = try await RealAgent(copying: baseline, repository: server.url)
            try await Self.end(agent, at: Array(stride(from: host, to: Self.moments, by: Self.hosts)))
        }
        try await server.end()
    }

    private static func end(_ agent: RealAgent, at moments: [Int]) async throws {
        let time = SystemTime()
        for moment in moments {
            let process = try agent.start()
            // From the start of the program to the end of the order, and beyond.
            try await time.sleep(for: .milliseconds(Int64(moment * 2000 / Self.moments)))
            kill(process.processID, moment % 2 == 0 ? SIGKILL : SIGTERM)
            let endedAt = time.monotonic()
            let lock = try await poll(within: .seconds(60)) { try agent.dir.directory.lock() }
            let waited = time.monotonic().milliseconds - endedAt.milliseconds
            lock.release()
            // 5 s are promised; a machine that runs many tests at once may take its time to tell us.
            #expect(waited < 45_000, "free after \(waited) ms")
        }
        let last = try agent.start()
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        try await agent.kill(last)
        try await agent.end()
    }

    @Test("R6: the lock says whose it is; what a dead process left in it holds nobody up")
    func owner() async throws {
        let folder = try TemporaryFolder()
        let held = try #require(try folder.directory.lock())
        #expect(folder.directory.lockOwner() == getpid())
        #expect(try folder.directory.lock() == nil)
        held.release()
        // A process that is no more, noise, nothing: all the same.
        for left in ["999999999\n", "noise", "", "\u{0}\u{0}", "-1"] {
            try folder.directory.writeDurably(".lock", Array(left.utf8), mode: 0o600)
            // A program that another test starts at this moment has the lock's descriptor until it is executed.
            let lock = try await poll { try folder.directory.lock() }
            #expect(folder.directory.lockOwner() == getpid())
            lock.release()
        }
    }
}
