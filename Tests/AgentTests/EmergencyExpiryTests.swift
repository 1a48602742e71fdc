import Effects
import ReleaseDefinition
import TestSupport
import Testing

@testable import AgentLibrary

@Suite("An emergency role that nobody renewed")
struct EmergencyExpiryTests {
    @Test("A real agent installs a normal release though the emergency role has expired")
    func normalRelease() async throws {
        let repository = try TestRepository(madeDaysAgo: 366, isRenewed: true)
        let role = try JSONValue(
            parsing: repository.folder.directory.read("metadata/1.emergency-web.json", sizeMax: ByteCount(1 << 20)))
        let expires = try UTCInstant(try #require(role["signed"]?["expires"]?.stringValue))
        #expect(expires < SystemTime().now())
        #expect(try repository.folder.directory.status("metadata/2.emergency-web.json") == nil)

        let baseline = try await TestHost.baseline(repository)
        let new = try await repository.submit("2.0")
        try repository.publish(repository.assignment(2, .install, new))
        let server = try await WebServer(repository)
        let agent = try await RealAgent(copying: baseline, repository: server.url)
        let process = try agent.start()
        let finished = try await poll(within: .seconds(60)) {
            try agent.state.finished.first { $0.order == (try order(2)) }
        }
        #expect(finished.outcome == .succeeded)
        #expect(try agent.version() == "2.0")
        try await agent.kill(process)
        try await agent.end()
        try await server.end()
    }
}
