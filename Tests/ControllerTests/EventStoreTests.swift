import AgentProtocol
import Effects
import FoundationEssentials
import GRDB
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Event log")
struct EventStoreTests {
    private let now = UTCInstant(secondsSince1970: 1_800_000_000)
    private let folder: TemporaryFolder
    private var path: String { folder.path + "/events.sqlite" }

    init() throws { folder = try TemporaryFolder() }

    private func person(_ name: String) -> NewEvent {
        let record = PersonRecord(
            name: name, tokenHash: SHA256Digest(of: Array(name.utf8)), permissionSets: [.viewer], expiresAt: nil)
        return NewEvent(actor: "test", event: .personAdded(record))
    }

    private func filled(_ names: String...) throws -> EventStore {
        let store = try EventStore(path: path)
        for name in names {
            _ = try store.append(StoreChange(events: [person(name)]), expecting: store.sequence, at: now)
        }
        return store
    }

    private func names(_ store: EventStore) throws -> [String] {
        var names: [String] = []
        try store.replay(
            event: { if case .personAdded(let person) = $0.event { names.append(person.name) } }, report: { _ in })
        return names
    }

    /// Somebody with a SQLite shell.
    private func meddle(_ sql: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    @Test("What was appended is read back in order after a restart")
    func replay() throws {
        try filled("a", "b", "c").close()
        let store = try EventStore(path: path)
        #expect(try names(store) == ["a", "b", "c"])
        #expect(store.sequence == 3)
    }

    @Test("Any text that people and hosts send is read back, line feeds and all")
    func anyText() throws {
        let text = "two\nlines\t\u{1}\u{7F} \"quoted\" \\ e\u{301} \u{1F600}"
        let store = try filled("a")
        let host = try HostID("web1")
        let release = try ReleaseName("web@1.0")
        let error = ReportedError(code: text, summary: text, remedy: text, cause: text)
        let outcome = OrderOutcome(
            order: OrderID(rollout: try RolloutID("r1"), action: .install), release: release, outcome: .skipped(text),
            running: nil, evidence: FailureEvidence(step: .starting, error: error, logTail: text))
        let report = StoredReport(
            host: host, report: HostReport(sequence: 1, at: now, body: .outcome(outcome)), receivedAt: now)
        let revoked = ReleaseRevoked(
            release: release, manifest: SHA256Digest(of: []), environment: try EnvironmentName("staging"), reason: text,
            rollout: nil)
        let change = StoreChange(
            events: [NewEvent(actor: text, event: .releaseRevoked(revoked))], reports: [report])
        _ = try store.append(change, expecting: 1, at: now)
        try store.close()
        var events: [EventEntry] = []
        var reports: [StoredReport] = []
        try EventStore(path: path).replay(event: { events.append($0) }, report: { reports.append($0) })
        #expect(events.last?.actor == text)
        #expect(reports.map(\.report) == [report.report])
        guard case .releaseRevoked(let read) = events.last?.event else {
            Issue.record("another event was read")
            return
        }
        #expect(read == revoked)
    }

    @Test("A decision made on an older state is refused, and nothing of it is stored")
    func conflict() throws {
        let store = try filled("a", "b")
        let error = #expect(throws: ControllerError.self) {
            try store.append(StoreChange(events: [person("c")]), expecting: 1, at: now)
        }
        #expect(error?.code == "controller.store.conflict")
        #expect(try names(store) == ["a", "b"])
    }

    @Test("Events and reports of one change are stored together or not at all")
    func oneTransaction() throws {
        let store = try filled("a")
        let report = StoredReport(
            host: try HostID("web1"),
            report: HostReport(
                sequence: 1, at: now,
                body: .inventory(HostInventory(agentVersion: "1", machineID: "m", delivery: .push, installed: []))),
            receivedAt: now)
        _ = try store.append(StoreChange(reports: [report]), expecting: 1, at: now)
        #expect(throws: ControllerError.self) {
            try store.append(StoreChange(events: [person("b")], reports: [report]), expecting: 1, at: now)
        }
        #expect(try names(store) == ["a"])
    }

    @Test(
        "A log that somebody changed is refused, with the entry at which it breaks",
        arguments: [
            ("UPDATE events SET entry = replace(entry, 'viewer', 'admin') WHERE sequence = 2", 3),
            ("DELETE FROM events WHERE sequence = 2", 2),
            ("DELETE FROM events WHERE sequence = 1", 1),
            (
                """
                UPDATE events SET sequence = 9 WHERE sequence = 2; UPDATE events SET sequence = 2 WHERE sequence = 3;
                UPDATE events SET sequence = 3 WHERE sequence = 9
                """, 2
            ),
            ("UPDATE events SET entry = x'7B7D' WHERE sequence = 3", 3),
            ("INSERT INTO events SELECT 5, entry FROM events WHERE sequence = 4", 5),
        ])
    func tampered(_ sql: String, _ broken: Int) throws {
        try filled("a", "b", "c", "d").close()
        // `replace` makes text of a blob; the column is strict.
        try meddle(sql.replacingOccurrences(of: "replace(entry, 'viewer', 'admin')", with: tamperedEntry))
        let store = try EventStore(path: path)
        let error = #expect(throws: ControllerError.self) { try names(store) }
        #expect(error?.code == "controller.store.chain")
        #expect(error?.summary.contains("entry \(broken)") == true)
    }

    private var tamperedEntry: String {
        "CAST(replace(CAST(entry AS TEXT), 'viewer', 'admin') AS BLOB)"
    }

    @Test("A file that is no database is refused with a clear message")
    func notADatabase() throws {
        let directory = try Directory.open(folder.path)
        try directory.writeDurably("events.sqlite", Array(repeating: 0x41, count: 8192))
        let error = #expect(throws: ControllerError.self) { try EventStore(path: path) }
        #expect(error?.code == "controller.store.corrupt")
        #expect(error?.remedy.contains("backup") == true)
    }

    @Test("A database with a damaged page is refused with a clear message")
    func damagedPage() throws {
        let store = try filled()
        for count in 0..<200 {
            _ = try store.append(StoreChange(events: [person("p\(count)")]), expecting: store.sequence, at: now)
        }
        try store.close()
        let file = try Directory.open(folder.path).updateFile("events.sqlite")
        let size = try file.size().value
        try file.write([UInt8](repeating: 0xFF, count: 4096), at: size / 4096 / 2 * 4096)
        let error = #expect(throws: ControllerError.self) {
            let store = try EventStore(path: path)
            _ = try names(store)
        }
        #expect(error?.code.hasPrefix("controller.store.") == true)
    }
}
