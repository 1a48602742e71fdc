import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("A repository behind caches")
struct LateRepositoryTests {
    @Test("A cache that has the director's word and an older timestamp still: the order waits for it and is done")
    func mixed() async throws {
        let repository = try TestRepository()
        let one = try await repository.submit("1.0")
        let host = try await TestHost(repository, cacheAge: .seconds(75))
        let first = try await host.carryOut(repository.assignment(1, .install, one), order(1))
        #expect(first.outcome == .succeeded, "\(first)")

        let (folder, name) = (repository.folder.directory, "metadata/timestamp.json")
        let older = try folder.read(name, sizeMax: ByteCount(1 << 20))
        let two = try await repository.submit("2.0")
        let newer = try folder.read(name, sizeMax: ByteCount(1 << 20))
        #expect(older != newer)
        try folder.writeDurably(name, older, mode: 0o644)
        await host.agent.offer(try repository.assignment(2, .install, two))
        // A refusal would come at once.
        await #expect(throws: PollTimeout.self) { try await host.finished(order(2), within: .milliseconds(500)) }
        try folder.writeDurably(name, newer, mode: 0o644)
        let second = try await host.finished(order(2))
        #expect(second.outcome == .succeeded, "\(second)")
        #expect(try host.version() == "2.0")
        try await host.end()
    }
}
