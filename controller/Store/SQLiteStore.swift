import AgentProtocol
import Effects
import FoundationEssentials
import GRDB
import ReleaseDefinition
import ReleasePackaging
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
    private let end: StoreEnd

    /// Opens the file, makes its tables where they are missing, and checks that SQLite finds it sound and that it holds all
    /// that this program ever confirmed.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        place = path
        end = StoreEnd(beside: path)
        // SQLite would make a new one.
        if let noted = end.noted, !end.isThere { throw Self.behind(path, StoreEnd.Place(), noted) }
        Self.closeToOthers(path)
        let queue = try Self.translating(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            guard verdict == "ok" else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: verdict)
            }
            try Self.migrate(queue)
            return queue
        }
        let found = try Self.translating(path) {
            try queue.read { database in
                StoreEnd.Place(
                    sequence: try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM events") ?? 0,
                    arrival: try Int64.fetchOne(database, sql: "SELECT max(arrival) FROM reports") ?? 0)
            }
        }
        if let noted = end.noted, !found.reaches(noted) { throw Self.behind(path, found, noted) }
        end.begin(at: found)
        opened = Mutex(queue)
    }

    /// - Throws: `controller.store.closed`.
    var queue: DatabaseQueue {
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
                while case let lines = try Self.piece(
                    entries, { (sequence: $0[0] as Int64, bytes: Array($0[1] as Data)) }),
                    !lines.isEmpty
                {
                    for read in Workers.map(lines, { StoredEntry(sequence: $0.sequence, $0.bytes) }) {
                        let (entry, next) = try position.head.reading(read)
                        try event(entry)
                        position.head = next
                    }
                }
                let reports = try Row.fetchCursor(
                    database,
                    sql:
                        "SELECT host, report, receivedAt, arrival, digest, sequence FROM reports WHERE arrival > ? ORDER BY arrival",
                    arguments: [position.arrival])
                while case let rows = try Self.piece(reports, ReportRow.init), !rows.isEmpty {
                    for (row, read) in zip(rows, Workers.map(rows) { [place] row in Result { try row.report(place) } })
                    {
                        try report(read.get())
                        position.arrival = row.arrival
                    }
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
                if let request = change.request, try !Self.insert(request, "OR IGNORE", database) {
                    throw ControllerError.requestIsKept()
                }
                for (entry, bytes) in zip(made.entries, made.lines) {
                    try database.cachedStatement(sql: "INSERT INTO events (sequence, entry) VALUES (?, ?)")
                        .execute(arguments: [entry.sequence, Data(bytes)])
                }
                for report in change.reports { try Self.insert(report, database) }
                for (name, bytes) in change.documents {
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO documents (name, content, digest) VALUES (?, ?, ?)",
                        arguments: [name, Data(bytes), Data(SHA256Digest(of: bytes).bytes)])
                }
                return change.reports.isEmpty ? nil : database.lastInsertedRowID
            }
        }
        position.withLock { position in
            position.head = made.head
            if let arrival { position.arrival = arrival }
        }
        end.raise(to: StoreEnd.Place(sequence: made.head.sequence, arrival: arrival ?? 0))
        return made.entries
    }

    func lines(after sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])] {
        try lines("sequence > ? ORDER BY sequence", sequence, limit)
    }

    func lines(before sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])] {
        try lines("sequence < ? ORDER BY sequence DESC", sequence, limit)
    }

    private func lines(
        _ which: String, _ sequence: Int64, _ limit: Int
    ) throws -> [(sequence: Int64, bytes: [UInt8])] {
        try Self.translating(place) {
            try queue.read { database in
                try Row.fetchAll(
                    database, sql: "SELECT sequence, entry FROM events WHERE \(which) LIMIT ?",
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
                try Row.fetchOne(
                    database, sql: "SELECT content, digest FROM documents WHERE name = ?", arguments: [name]
                ).map { row in
                    let bytes = Array(row[0] as Data)
                    let digest = row[1] as Data?
                    guard digest.map({ Array($0) == SHA256Digest(of: bytes).bytes }) ?? true else {
                        throw Self.damaged("document \(name)", place)
                    }
                    return bytes
                }
            }
        }
    }

    func close() { opened.withLock { $0 = nil } }

    /// The database as of one moment, while others may write to it.
    /// - Returns: the end of the log in the copy, whose chain was checked.
    static func copy(_ path: String, to target: String) throws -> LogCheckpoint {
        closeToOthers(target)
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
    /// Its owner alone reads the record, wherever a copy of the folder may lie. SQLite gives the files that it makes beside
    /// this one the same mode. Where that cannot be, as on a disk that is read-only, opening it says what is wrong.
    ///
    /// Before it is opened: closing a second descriptor of the file would give up SQLite's locks on it.
    private static func closeToOthers(_ path: String) {
        let (folder, name) = Directory.split(path)
        guard let directory = try? Directory.open(folder) else { return }
        for file in [name, name + "-wal", name + "-shm"] {
            guard let status = try? directory.status(file), status.mode & 0o077 != 0 else { continue }
            try? directory.updateFile(file).setMode(0o600)
        }
        if (try? directory.status(name)) == .some(nil) { _ = try? directory.createFile(name, mode: 0o600) }
    }

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
                """),
        // SQLite checks its pages' form, not what is in them. The log has its chain.
        StoreMigration(
            name: "2 digests of reports and documents",
            sql: """
                ALTER TABLE reports ADD COLUMN digest BLOB;
                ALTER TABLE documents ADD COLUMN digest BLOB;
                """),
        StoreMigration(
            name: "3 requests",
            sql: """
                CREATE TABLE requests (
                    key TEXT PRIMARY KEY, digest TEXT NOT NULL, receivedAt INTEGER NOT NULL, answer BLOB) STRICT;
                CREATE INDEX requestsByTime ON requests (receivedAt);
                """),
        // What is summed up lies in the indexes: nobody reads through answers of megabytes for it.
        StoreMigration(
            name: "4 whose requests, and how long their answers",
            sql: """
                ALTER TABLE requests ADD COLUMN person TEXT NOT NULL DEFAULT '';
                ALTER TABLE requests ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
                UPDATE requests SET size = coalesce(length(answer), 0);
                DROP INDEX requestsByTime;
                CREATE INDEX requestsByTime ON requests (receivedAt, size);
                CREATE INDEX requestsByPerson ON requests (person, receivedAt, size);
                """),
    ]

    private static func insert(_ stored: StoredReport, _ database: Database) throws {
        let bytes = try stored.bytes()
        try database.cachedStatement(
            sql: "INSERT INTO reports (host, sequence, receivedAt, report, digest) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            stored.host.text, stored.report.sequence, stored.receivedAt.millisecondsSince1970, Data(bytes),
            digest(stored.host.text, stored.report.sequence, stored.receivedAt.millisecondsSince1970, bytes),
        ])
    }

    /// Of the whole row.
    private static func digest(_ host: String, _ sequence: Int64, _ receivedAt: Int64, _ bytes: [UInt8]) -> Data {
        Data(SHA256Digest(of: Array("\(host) \(sequence) \(receivedAt) ".utf8) + bytes).bytes)
    }

    /// A row of `reports` as it was read: not looked into yet.
    private struct ReportRow: Sendable {
        let host: String
        let bytes: [UInt8]
        let receivedAt: Int64
        let arrival: Int64
        /// nil in rows from before there was one.
        let digest: Data?
        let sequence: Int64

        init(_ row: Row) {
            (host, bytes, receivedAt) = (row[0], Array(row[1] as Data), row[2])
            (arrival, digest, sequence) = (row[3], row[4], row[5])
        }

        func report(_ place: String) throws -> StoredReport {
            if let digest, digest != SQLiteStore.digest(host, sequence, receivedAt, bytes) {
                throw SQLiteStore.damaged("report \(arrival)", place)
            }
            return StoredReport(
                host: HostID(unchecked: host), report: try JSONCoding.decode(HostReport.self, from: bytes),
                receivedAt: UTCInstant(millisecondsSince1970: receivedAt))
        }
    }

    /// What is taken into memory at a time, so that all cores have a part of it to decode.
    private static let pieceMax = 8192

    private static func piece<Value>(_ rows: RowCursor, _ make: (Row) -> Value) throws -> [Value] {
        var values: [Value] = []
        while values.count < pieceMax, let row = try rows.next() { values.append(make(row)) }
        return values
    }

    private static func damaged(_ what: String, _ place: String) -> ControllerError {
        .store(
            "corrupt", "The database \(place) is damaged: its \(what) is not what was written.",
            remedy: "Nothing was changed. " + wayBack)
    }

    static let wayBack =
        "Keep the folder, and set the controller up from a backup: slipway-controller restore --from BACKUP --dir NEW --advance"

    private static func behind(_ path: String, _ found: StoreEnd.Place, _ noted: StoreEnd.Place) -> ControllerError {
        .store(
            "behind",
            "The database \(path) ends at entry \(found.sequence) and report \(found.arrival); it was at entry "
                + "\(noted.sequence) and report \(noted.arrival): what was written last is gone, as with its file -wal, "
                + "or an old copy was put in its place.",
            remedy: "Put the missing file back, if it was moved. " + Self.wayBack)
    }

    /// SQLite's errors in our words; ours pass.
    static func translating<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            switch error.resultCode {
            // What we ask is always the same: where SQLite does not know the words, the tables are not what they were.
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_MISMATCH, .SQLITE_FORMAT:
                throw ControllerError.store(
                    "corrupt", "The database \(path) is damaged.", remedy: "Nothing was changed. " + Self.wayBack,
                    cause: error.message ?? "\(error.resultCode)")
            case .SQLITE_FULL, .SQLITE_IOERR:
                throw ControllerError.storeDisk(path, cause: error.message ?? "\(error.resultCode)")
            default:
                throw ControllerError.store(
                    "database", "The database \(path) refused an operation.",
                    remedy: "Check that nothing else has it open and that the disk is sound.",
                    cause: "\(error)")
            }
        }
    }
}
