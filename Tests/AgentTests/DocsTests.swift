import AgentProtocol
import Effects
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Documents of releases on the host")
struct DocsTests {
    @Test("What people read comes with the release, stays with it, and is read without anybody being asked")
    func kept() async throws {
        let repository = try TestRepository()
        let long = [UInt8](repeating: 0x61, count: (1 << 20) + 1)
        let one = try await repository.submit(
            "1.0", documents: [("docs/runbook.md", Array("Turn it off and on.\n".utf8)), ("docs/long.md", long)])
        let two = try await repository.submit("2.0", documents: [("docs/runbook.md", Array("Do not.\n".utf8))])
        let host = try await TestHost(repository)
        try await host.agent.configuration.write(in: AgentFolder(base: host.dir.directory).base)
        #expect(try await host.carryOut(repository.assignment(1, .install, one), order(1)).outcome == .succeeded)
        #expect(try await host.carryOut(repository.assignment(2, .install, two), order(2)).outcome == .succeeded)
        try await host.end()
        let documents = try ReleaseDocuments(AgentFolder.open(host.dir.path))
        let product = TestRepository.product
        #expect(try documents.list(nil, version: nil).map(\.path) == ["docs/runbook.md"])
        let running = try documents.read("docs/runbook.md", of: product, version: nil)
        #expect(String(decoding: running, as: UTF8.self) == "Do not.\n")
        let before = try documents.read("docs/runbook.md", of: product, version: "1.0")
        #expect(String(decoding: before, as: UTF8.self) == "Turn it off and on.\n")
        // Too long to be kept: named, and not there.
        let old = try documents.list(product, version: "1.0")
        #expect(old.count == 2 && old.filter(\.isHere).map(\.path) == ["docs/runbook.md"])
        #expect(throws: AgentError.self) { try documents.read("docs/long.md", of: product, version: "1.0") }
        #expect(throws: AgentError.self) { try documents.read("docs/nothing.md", of: product, version: nil) }
    }
}
