import AgentProtocol
import Effects
import FoundationEssentials
import GRDB
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

/// What is stored, under each kind of store.
struct StorePlace: Sendable {
    enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case sqlite, postgresql

        static var installed: [Kind] { allCases.filter { $0 == .sqlite || TestPostgres.isInstalled } }
        var testDescription: String { rawValue }
    }

    let kind: Kind
    let folder: TemporaryFolder
    let address: String

    init(_ kind: Kind) throws {
        self.kind = kind
        folder = try TemporaryFolder()
        address = kind == .sqlite ? folder.path + "/events.sqlite" : try TestPostgres.newDatabase()
    }

    func open() throws -> any EventStore {
        kind == .sqlite ? try SQLiteStore(path: address) : try PostgresStore(address: address)
    }

    /// Somebody with a shell of the database.
    func meddle(_ sql: String) throws {
        guard kind == .sqlite else { return try PostgresConnection(address).run(script: sql) }
        let queue = try DatabaseQueue(path: address)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }
}

enum StoreSamples {
    static let now = UTCInstant(secondsSince1970: 1_800_000_000)

    static func person(_ name: String) -> NewEvent {
        let record = PersonRecord(
            name: name, tokenHash: SHA256Digest(of: Array(name.utf8)), permissionSets: [.viewer], expiresAt: nil)
        return NewEvent(actor: "test", event: .personAdded(record))
    }

    static func report(_ sequence: Int64, _ host: String = "web1") throws -> StoredReport {
        let inventory = HostInventory(agentVersion: "1", machineID: "m", delivery: .push, installed: [])
        return StoredReport(
            host: try HostID(host), report: HostReport(sequence: sequence, at: now, body: .inventory(inventory)),
            receivedAt: now)
    }

    static func names(_ store: any EventStore) throws -> [String] {
        var names: [String] = []
        try store.replay(
            event: { if case .personAdded(let person) = $0.event { names.append(person.name) } }, report: { _ in })
        return names
    }

    static func add(_ names: String..., to store: any EventStore) throws {
        for name in names {
            _ = try store.append(StoreChange(events: [person(name)]), expecting: store.sequence, at: now)
        }
    }
}

@Suite("Every event store")
struct EventStoreTests {
    private let now = StoreSamples.now

    private func filled(_ place: StorePlace, _ names: String...) throws -> any EventStore {
        let store = try place.open()
        for name in names { try StoreSamples.add(name, to: store) }
        return store
    }

    private func names(_ store: any EventStore) throws -> [String] { try StoreSamples.names(store) }

    @Test("What was appended is read back in order after a restart", arguments: StorePlace.Kind.installed)
    func replay(_ kind: StorePlace.Kind) throws {
        let place = try StorePlace(kind)
        try filled(place, "a", "b", "c").close()
        let store = try place.open()
        #expect(try names(store) == ["a", "b", "c"])
        #expect(store.sequence == 3)
        #expect(try store.verifiedHead() == store.head)
        #expect(try store.entries(after: 1, limit: 1).map(\.sequence) == [2])
        #expect(try store.entries(before: 3, limit: 9).map(\.sequence) == [2, 1])
        #expect(try store.entries(before: .max, limit: 2).map(\.sequence) == [3, 2])
    }

    @Test("Any text that people and hosts send is read back, line feeds and all", arguments: StorePlace.Kind.installed)
    func anyText(_ kind: StorePlace.Kind) throws {
        let place = try StorePlace(kind)
        let text = "two\nlines\t\u{1}\u{7F} \"quoted\" \\ e\u{301} \u{1F600}"
        let store = try filled(place, "a")
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
        try place.open().replay(event: { events.append($0) }, report: { reports.append($0) })
        #expect(events.last?.actor == text)
        #expect(reports.map(\.report) == [report.report])
        guard case .releaseRevoked(let read) = events.last?.event else {
            Issue.record("another event was read")
            return
        }
        #expect(read == revoked)
    }

    @Test(
        "A decision made on an older state is refused, and nothing of it is stored",
        arguments: StorePlace.Kind.installed)
    func conflict(_ kind: StorePlace.Kind) throws {
        let store = try filled(StorePlace(kind), "a", "b")
        let error = #expect(throws: ControllerError.self) {
            try store.append(StoreChange(events: [StoreSamples.person("c")]), expecting: 1, at: now)
        }
        #expect(error?.code == "controller.store.conflict")
        #expect(try names(store) == ["a", "b"])
    }

    @Test("Events and reports of one change are stored together or not at all", arguments: StorePlace.Kind.installed)
    func oneTransaction(_ kind: StorePlace.Kind) throws {
        let store = try filled(StorePlace(kind), "a")
        let report = try StoreSamples.report(1)
        _ = try store.append(StoreChange(reports: [report]), expecting: 1, at: now)
        #expect(throws: ControllerError.self) {
            try store.append(StoreChange(events: [StoreSamples.person("b")], reports: [report]), expecting: 1, at: now)
        }
        #expect(try names(store) == ["a"])
    }

    @Test("Reports and documents are read back, also by one who has read before", arguments: StorePlace.Kind.installed)
    func reportsAndDocuments(_ kind: StorePlace.Kind) throws {
        let place = try StorePlace(kind)
        let store = try filled(place, "a")
        let reports = try (1...3).map { try StoreSamples.report($0) }
        let change = StoreChange(
            events: [StoreSamples.person("b")], reports: reports, documents: ["one": [1, 0, 255], "two": []])
        #expect(try store.append(change, expecting: 1, at: now).map(\.sequence) == [2])
        let again = StoreChange(reports: [try StoreSamples.report(1, "web2")], documents: ["one": [2]])
        #expect(try store.append(again, expecting: 2, at: now).isEmpty)
        #expect(try store.document("one") == [2])
        #expect(try store.document("two") == [])
        #expect(try store.document("three") == nil)
        let other = kind == .postgresql ? try place.open() : store
        var read: [StoredReport] = []
        try other.replay(event: { _ in }, report: { read.append($0) })
        #expect(read == reports + again.reports)
        _ = try other.readOn(event: { _ in Issue.record("an event twice") }, report: { _ in Issue.record("twice") })
        try other.ping()
    }

    @Test(
        "A log that somebody changed is refused, with the entry at which it breaks",
        arguments: StorePlace.Kind.installed,
        [
            ("CHANGE 2", 3), ("DELETE FROM events WHERE sequence = 2", 2),
            ("DELETE FROM events WHERE sequence = 1", 1),
            (
                """
                UPDATE events SET sequence = 9 WHERE sequence = 2; UPDATE events SET sequence = 2 WHERE sequence = 3;
                UPDATE events SET sequence = 3 WHERE sequence = 9
                """, 2
            ),
            ("UPDATE events SET entry = BYTES WHERE sequence = 3", 3),
            ("INSERT INTO events SELECT 5, entry FROM events WHERE sequence = 4", 5),
        ])
    func tampered(_ kind: StorePlace.Kind, _ change: (sql: String, entry: Int)) throws {
        let place = try StorePlace(kind)
        try filled(place, "a", "b", "c", "d").close()
        let words =
            kind == .sqlite
            ? ("CAST(replace(CAST(entry AS TEXT), 'viewer', 'admin') AS BLOB)", "x'7B7D'")
            : ("convert_to(replace(convert_from(entry, 'UTF8'), 'viewer', 'admin'), 'UTF8')", "'\\x7B7D'")
        try place.meddle(
            change.sql.replacing("CHANGE 2", with: "UPDATE events SET entry = \(words.0) WHERE sequence = 2")
                .replacing("BYTES", with: words.1))
        let store = try place.open()
        let error = #expect(throws: ControllerError.self) { try names(store) }
        #expect(error?.code == "controller.store.chain")
        #expect(error?.summary.contains("entry \(change.entry)") == true)
    }

    @Test(
        "A store of a newer program is refused in words, and nothing in it changes",
        arguments: StorePlace.Kind.installed)
    func newer(_ kind: StorePlace.Kind) throws {
        let place = try StorePlace(kind)
        try filled(place, "a").close()
        let table = kind == .sqlite ? "grdb_migrations (identifier)" : "migrations (name)"
        try place.meddle("INSERT INTO \(table) VALUES ('9 what nobody knows yet')")
        let error = #expect(throws: ControllerError.self) { _ = try place.open() }
        #expect(error?.code == "controller.store.newer")
        #expect(error?.summary.contains("9 what nobody knows yet") == true)
    }
}
