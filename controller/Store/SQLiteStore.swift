import AgentProtocol
import FoundationEssentials
import GRDB
import ReleaseDefinition
import Synchronization

/// One SQLite file: write-ahead log, `synchronous=FULL`, one writer, one process.
///
/// - Throws: `controller.store.…`; a SQLite error becomes `controller.store.database` with SQLite's words.
final class SQLiteStore: EventStore {
    private struct Position {
        var head = EventHead.empty
        /// Of the last report that was read or written.
        var arrival: Int64 = 0
    }

    let place: String
    /// nil: closed. Whoever still reads at that moment holds it for himself: SQLite would trap on a connection that is gone.
    private let opened: Mutex<DatabaseQueue?>
    private let position = Mutex(Position())

    /// Opens the file, makes its tables where they are missing, and checks that SQLite finds it sound.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        place = path
        let queue = try Self.translating(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            guard verdict == "ok" else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: verdict)
            }
            try Self.migrate(queue)
            return queue
        }
        opened = Mutex(queue)
    }

    /// - Throws: `controller.store.closed`.
    private var queue: DatabaseQueue {
        get throws {
            guard let queue = opened.withLock({ $0 }) else {
                throw ControllerError.store(
                    "closed", "The database \(place) was closed: the controller ends.",
                    remedy: "Ask again when it runs again.")
            }
            return queue
        }
    }

    var head: EventHead { position.withLock { $0.head } }

    func readOn(event: (EventEntry) throws -> Void, report: (StoredReport) throws -> Void) throws -> Bool {
        var position = position.withLock { $0 }
        try Self.translating(place) {
            try queue.read { database in
                let entries = try Row.fetchCursor(
                    database, sql: "SELECT sequence, entry FROM events WHERE sequence > ? ORDER BY sequence",
                    arguments: [position.head.sequence])
                while let row = try entries.next() {
                    let (entry, next) = try position.head.reading(sequence: row[0], Array(row[1] as Data))
                    try event(entry)
                    position.head = next
                }
                let reports = try Row.fetchCursor(
                    database,
                    sql: "SELECT host, report, receivedAt, arrival FROM reports WHERE arrival > ? ORDER BY arrival",
                    arguments: [position.arrival])
                while let row = try reports.next() {
                    try report(try Self.report(row))
                    position.arrival = row[3]
                }
            }
        }
        self.position.withLock { $0 = position }
        return false
    }

    func rewind() { position.withLock { $0 = Position() } }

    func append(
        _ change: StoreChange, expecting expected: Int64, at now: UTCInstant, under lease: Lease?
    ) throws -> [EventEntry] {
        let head = self.head
        guard head.sequence == expected else { throw ControllerError.storeConflict(head.sequence, expected: expected) }
        let made = try head.following(change.events, at: now)
        let arrival = try Self.translating(place) {
            try queue.write { database in
                for (entry, bytes) in zip(made.entries, made.lines) {
                    try database.cachedStatement(sql: "INSERT INTO events (sequence, entry) VALUES (?, ?)")
                        .execute(arguments: [entry.sequence, Data(bytes)])
                }
                for report in change.reports { try Self.insert(report, database) }
                for (name, bytes) in change.documents {
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO documents (name, content) VALUES (?, ?)",
                        arguments: [name, Data(bytes)])
                }
                return change.reports.isEmpty ? nil : database.lastInsertedRowID
            }
        }
        position.withLock { position in
            position.head = made.head
            if let arrival { position.arrival = arrival }
        }
        return made.entries
    }

    func lines(after sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])] {
        try Self.translating(place) {
            try queue.read { database in
                try Row.fetchAll(
                    database, sql: "SELECT sequence, entry FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
                    arguments: [sequence, limit]
                ).map { ($0[0], Array($0[1] as Data)) }
            }
        }
    }

    func ping() throws {
        try Self.translating(place) {
            _ = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM documents") }
        }
    }

    func document(_ name: String) throws -> [UInt8]? {
        try Self.translating(place) {
            try queue.read { database in
                try Data.fetchOne(database, sql: "SELECT content FROM documents WHERE name = ?", arguments: [name])
                    .map { Array($0) }
            }
        }
    }

    func close() { opened.withLock { $0 = nil } }

    /// The database as of one moment, while others may write to it.
    /// - Returns: the end of the log in the copy, whose chain was checked.
    static func copy(_ path: String, to target: String) throws -> LogCheckpoint {
        try translating(path) {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            let (source, copy) = (
                try DatabaseQueue(path: path, configuration: configuration), try DatabaseQueue(path: target)
            )
            try source.backup(to: copy)
            try copy.close()
            try source.close()
        }
        let store = try SQLiteStore(path: target)
        try store.replay(event: { _ in }, report: { _ in })
        store.close()
        return store.head.checkpoint
    }
}

extension SQLiteStore {
    private static func migrate(_ queue: DatabaseQueue) throws {
        var migrator = DatabaseMigrator()
        for step in migrations {
            migrator.registerMigration(step.name) { try $0.execute(sql: step.sql) }
        }
        try queue.read { database in
            let unknown = try migrator.appliedIdentifiers(database).subtracting(migrations.map(\.name))
            if let newest = unknown.max() {
                throw ControllerError.storeIsNewer(queue.path, migration: newest)
            }
        }
        try migrator.migrate(queue)
    }

    /// Each once, in this order; what was shipped is never edited.
    static let migrations: [StoreMigration] = [
        StoreMigration(
            name: "1 events, reports, documents",
            sql: """
                CREATE TABLE events (sequence INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
                CREATE TABLE reports (
                    arrival INTEGER PRIMARY KEY, host TEXT NOT NULL, sequence INTEGER NOT NULL,
                    receivedAt INTEGER NOT NULL, report BLOB NOT NULL, UNIQUE (host, sequence)) STRICT;
                CREATE TABLE documents (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
                """)
    ]

    private static func insert(_ stored: StoredReport, _ database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO reports (host, sequence, receivedAt, report) VALUES (?, ?, ?, ?)"
        ).execute(arguments: [
            stored.host.text, stored.report.sequence, stored.receivedAt.millisecondsSince1970,
            Data(try stored.bytes()),
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
