import AgentProtocol
import FoundationEssentials
import GRDB
import ReleaseDefinition
import Synchronization

/// A report as the store has it.
struct StoredReport: Sendable {
    var host: HostID
    var report: HostReport
    var receivedAt: UTCInstant
}

/// What one append makes durable together, or not at all.
struct StoreChange: Sendable {
    var events: [NewEvent] = []
    var reports: [StoredReport] = []
    /// Documents that are not history: the state of the signed metadata.
    var documents: [String: [UInt8]] = [:]
}

/// The controller's truth: one SQLite file. Write-ahead log, `synchronous=FULL`, one writer.
///
/// - Throws: `controller.store.…`; a SQLite error becomes `controller.store.database` with SQLite's words.
final class EventStore: Sendable {
    private let queue: DatabaseQueue
    private let head = Mutex(EventHead.empty)

    /// Opens the file, makes its tables where they are missing, and checks that SQLite finds it sound.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try Self.translating(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            guard verdict == "ok" else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: verdict)
            }
            try Self.migrate(queue)
            return queue
        }
    }

    var sequence: Int64 { head.withLock { $0.sequence } }

    /// Reads the whole log in order, checking the chain; then all reports in the order of arrival. Call once, first.
    func replay(event: (EventEntry) throws -> Void, report: (StoredReport) throws -> Void) throws {
        try Self.translating(queue.path) {
            try queue.read { database in
                var head = EventHead.empty
                let entries = try Row.fetchCursor(database, sql: "SELECT sequence, entry FROM events ORDER BY sequence")
                while let row = try entries.next() {
                    let (entry, next) = try head.reading(sequence: row[0], Array(row[1] as Data))
                    try event(entry)
                    head = next
                }
                self.head.withLock { $0 = head }
                let reports = try Row.fetchCursor(
                    database, sql: "SELECT host, report, receivedAt FROM reports ORDER BY arrival")
                while let row = try reports.next() {
                    try report(try Self.report(row))
                }
            }
        }
    }

    /// Appends after `expected`, in one transaction that is on the disk when this returns.
    /// - Throws: `controller.store.conflict` where the log has moved on: decide again on the new state.
    func append(_ change: StoreChange, expecting expected: Int64, at now: UTCInstant) throws -> [EventEntry] {
        var head = self.head.withLock { $0 }
        guard head.sequence == expected else {
            throw ControllerError.store(
                "conflict", "The log ends at \(head.sequence), the decision was made at \(expected).",
                remedy: "Decide again.")
        }
        var entries: [EventEntry] = []
        var rows: [(Int64, [UInt8])] = []
        for new in change.events {
            let (entry, bytes, next) = try head.following(new, at: now)
            entries.append(entry)
            rows.append((entry.sequence, bytes))
            head = next
        }
        try Self.translating(queue.path) {
            try queue.write { database in
                for (sequence, bytes) in rows {
                    try database.cachedStatement(sql: "INSERT INTO events (sequence, entry) VALUES (?, ?)")
                        .execute(arguments: [sequence, Data(bytes)])
                }
                for report in change.reports { try Self.insert(report, database) }
                for (name, bytes) in change.documents {
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO documents (name, content) VALUES (?, ?)",
                        arguments: [name, Data(bytes)])
                }
            }
        }
        self.head.withLock { $0 = head }
        return entries
    }

    /// Which of these sequences of the host are stored already.
    func knownReports(of host: HostID, among sequences: [Int64]) throws -> Set<Int64> {
        guard let first = sequences.min(), let last = sequences.max() else { return [] }
        return try Self.translating(queue.path) {
            try queue.read { database in
                try Set(
                    Int64.fetchAll(
                        database, sql: "SELECT sequence FROM reports WHERE host = ? AND sequence BETWEEN ? AND ?",
                        arguments: [host.text, first, last]))
            }
        }
    }

    /// The end of the chain as it is read anew from the disk.
    /// - Throws: `controller.store.chain` where it breaks, or ends elsewhere than this process left it.
    func verifiedHead() throws -> EventHead {
        let known = head.withLock { $0 }
        return try Self.translating(queue.path) {
            try queue.read { database in
                var head = EventHead.empty
                let entries = try Row.fetchCursor(
                    database, sql: "SELECT sequence, entry FROM events WHERE sequence <= ? ORDER BY sequence",
                    arguments: [known.sequence])
                while let row = try entries.next() {
                    head = try head.reading(sequence: row[0], Array(row[1] as Data)).head
                }
                guard head == known else {
                    throw ControllerError.store(
                        "chain",
                        "The log on the disk ends at \(head.sequence) with \(head.digest.short)…, this process "
                            + "wrote \(known.sequence) with \(known.digest.short)….",
                        remedy: "Something else writes to events.sqlite: stop the controller and find out what.")
                }
                return head
            }
        }
    }

    func document(_ name: String) throws -> [UInt8]? {
        try Self.translating(queue.path) {
            try queue.read { database in
                try Data.fetchOne(database, sql: "SELECT content FROM documents WHERE name = ?", arguments: [name])
                    .map { Array($0) }
            }
        }
    }

    /// Entries after a sequence, for streams that resume.
    func entries(after sequence: Int64, limit: Int) throws -> [EventEntry] {
        try Self.translating(queue.path) {
            try queue.read { database in
                try Row.fetchAll(
                    database, sql: "SELECT entry FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
                    arguments: [sequence, limit]
                ).map { try JSONCoding.decode(EventEntry.self, from: Array($0[0] as Data)) }
            }
        }
    }

    func close() throws { try queue.close() }
}

extension EventStore {
    private static func migrate(_ queue: DatabaseQueue) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 events, reports, documents") { database in
            try database.execute(
                sql: """
                    CREATE TABLE events (sequence INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
                    CREATE TABLE reports (
                        arrival INTEGER PRIMARY KEY, host TEXT NOT NULL, sequence INTEGER NOT NULL,
                        receivedAt INTEGER NOT NULL, report BLOB NOT NULL, UNIQUE (host, sequence)) STRICT;
                    CREATE TABLE documents (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
                    """)
        }
        try migrator.migrate(queue)
    }

    private static func insert(_ stored: StoredReport, _ database: Database) throws {
        let bytes = try JSONCoding.value(of: stored.report).wireBytes
        try database.cachedStatement(
            sql: "INSERT INTO reports (host, sequence, receivedAt, report) VALUES (?, ?, ?, ?)"
        ).execute(arguments: [
            stored.host.text, stored.report.sequence, stored.receivedAt.millisecondsSince1970, Data(bytes),
        ])
    }

    private static func report(_ row: Row) throws -> StoredReport {
        StoredReport(
            host: HostID(unchecked: row[0]),
            report: try JSONCoding.decode(HostReport.self, from: Array(row[1] as Data)),
            receivedAt: UTCInstant(millisecondsSince1970: row[2]))
    }

    /// SQLite's errors in our words; ours pass.
    private static func translating<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                throw ControllerError.store(
                    "corrupt", "The database \(path) is damaged.",
                    remedy: "Nothing was changed. Restore it from a backup, then run the controller again.",
                    cause: error.message ?? "\(error.resultCode)")
            case .SQLITE_FULL, .SQLITE_IOERR:
                throw ControllerError.store(
                    "disk", "The database \(path) cannot be written.",
                    remedy: "Free some space or repair the disk; what was not confirmed will be sent again.",
                    cause: error.message ?? "\(error.resultCode)")
            default:
                throw ControllerError.store(
                    "database", "The database \(path) refused an operation.",
                    remedy: "Check that nothing else has it open and that the disk is sound.",
                    cause: "\(error)")
            }
        }
    }
}
