import AgentProtocol
import ReleaseDefinition
import Testing

@testable import AgentLibrary

@Suite("Sequences of reports")
struct ReportSequenceTests {
    private func health(_ sequence: Int64) throws -> HostReport {
        let release = try ReleaseName("web@1.0")
        let running = InstalledRelease(release: release, manifest: SHA256Digest(of: [1]), isHealthy: true)
        return HostReport(
            sequence: sequence, at: start, body: .health(ProductHealth(running: running, detail: "\(sequence)")))
    }

    @Test("A host whose disk was restored keeps what waits and numbers it above what the controller knows")
    func renumbered() throws {
        var host = HostState()
        for sequence in 1...3 {
            host.apply(JournalEntry(at: start, changes: [.report(report: try health(Int64(sequence)))]))
        }
        host.apply(JournalEntry(at: start, changes: [.acknowledged(sequence: 1), .renumbered(first: 901)]))
        #expect(host.reports.map(\.sequence) == [901, 902])
        #expect(host.reports.map(\.body) == [try health(2).body, try health(3).body])
        #expect(host.nextSequence == 903)
        let again = HostState(try #require(host.checkpoint))
        #expect(again.reports == host.reports)
        #expect(again.nextSequence == 903)
    }

    @Test(
        "A sequence that leaves no successor is damage, not a trap", arguments: [0, -1, (1 << 53) + 1, .max] as [Int64])
    func impossible(_ sequence: Int64) throws {
        let value = try JSONCoding.value(of: try health(sequence))
        #expect(throws: DefinitionError.self) { try JSONCoding.decode(HostReport.self, from: value) }
        let line = JournalLine(
            number: 1, entry: JournalEntry(at: start, changes: [.report(report: try health(sequence))]))
        #expect(JournalLine(parsing: try line.bytes().dropLast()[...]) == nil)
        var checkpoint = try #require(HostState().checkpoint)
        checkpoint.nextSequence = sequence
        #expect((1...HostReport.sequenceMax).contains(HostState(checkpoint).nextSequence))
    }
}
