import AgentProtocol
import ReleaseDefinition
import ReleasePackaging
import Synchronization

/// A database of PostgreSQL, which several controllers share. Each append is one statement that moves the one row of
/// `head` on from where this process knows it, so that two never follow the same entry. Whoever did not write reads on,
/// woken by LISTEN.
final class PostgresStore: EventStore {
    struct Position: Sendable {
        var head = EventHead.empty
        /// Of the last report that was read or written.
        var arrival: Int64 = 0
        /// How often a document was written.
        var documents: Int64 = 0
        /// How often anything was.
        var version: Int64 = 0
    }

    private struct Link {
        var connection: PostgresConnection?
        /// After a silence nobody else waits for the next one.
        var awayUntil: ContinuousClock.Instant?
        var awayBecause = ""
    }

    private struct Trouble {
        /// Since it did not answer the last time it was asked.
        var awaySince: ContinuousClock.Instant?
        /// Since it refused a write, and has taken none.
        var unwrittenSince: ContinuousClock.Instant?
    }

    /// What one call of `readOn` takes into memory at a time.
    private static let pieceMax: Int64 = 1000

    let address: String
    private let link = Mutex(Link())
    private let position = Mutex(Position())
    /// Apart from the link, which is held while it is asked.
    private let trouble = Mutex(Trouble())

    /// Connects, and makes the tables where they are missing.
    /// - Parameter address: a connection string of libpq. A password stands in the file that `passfile` names.
    convenience init(address: String) throws {
        try self.init(unchanged: address)
        try migrate()
    }

    /// Connects to what a controller of this version or an older one may have made and may be using: nothing is written until
    /// `migrate`. What any of them has can be read: the log, reports, documents.
    init(unchanged address: String) throws {
        self.address = address
        _ = try holdsRecord()
    }

    /// Whether there are tables of a controller.
    /// - Throws: `controller.store.newer`.
    func holdsRecord() throws -> Bool {
        try withConnection { try !Self.applied(to: $0, place: place).isEmpty }
    }

    func migrate() throws { try withConnection { try Self.migrate($0, place: place) } }

    var head: EventHead { position.withLock { $0.head } }

    /// Without what may be a password.
    var place: String {
        guard let end = address.range(of: "://")?.upperBound, let at = address.lastIndex(of: "@"), at > end else {
            return address.contains("password") ? "PostgreSQL" : address
        }
        return "\(address[..<end])…\(address[at...])"
    }

    func readOn(event: (EventEntry) throws -> Void, report: (StoredReport) throws -> Void) throws -> Bool {
        let known = position.withLock { $0 }
        // What is written while this reads is read the next time: the version says so.
        let end = try withConnection { connection in
            try connection.run("SELECT documents, version, sequence FROM head")
        }
        guard end.count == 1 else { throw chain("its row of head is gone") }
        let (documents, version) = (end.integer(0, 0), end.integer(0, 1))
        guard version != known.version else { return false }
        while true {
            let from = position.withLock { $0.head.sequence }
            let lines = try lines(after: from, limit: Int(Self.pieceMax))
            for read in Workers.map(lines, { StoredEntry(sequence: $0.sequence, $0.bytes) }) {
                let (entry, next) = try head.reading(read)
                try event(entry)
                position.withLock { $0.head = next }
            }
            if lines.count < Int(Self.pieceMax) { break }
        }
        guard head.sequence >= end.integer(0, 2) else {
            throw chain("it ends at \(head.sequence), head says \(end.integer(0, 2))")
        }
        while try readReports(report) == Int(Self.pieceMax) {}
        position.withLock {
            $0.version = version
            $0.documents = documents
        }
        return documents != known.documents
    }

    private func readReports(_ report: (StoredReport) throws -> Void) throws -> Int {
        let arrival = position.withLock { $0.arrival }
        let rows = try withConnection { connection in
            try connection.run(
                """
                SELECT arrival, host, received_at, report FROM reports WHERE arrival > $1 ORDER BY arrival LIMIT $2
                """, [.integer(arrival), .integer(Self.pieceMax)])
        }
        let read = Workers.map(Array(0..<rows.count)) { row in
            Result {
                StoredReport(
                    host: HostID(unchecked: rows.text(row, 1)),
                    report: try JSONCoding.decode(HostReport.self, from: rows.bytes(row, 3)),
                    receivedAt: UTCInstant(millisecondsSince1970: rows.integer(row, 2)))
            }
        }
        for (row, stored) in read.enumerated() {
            try report(stored.get())
            position.withLock { $0.arrival = rows.integer(row, 0) }
        }
        return rows.count
    }

    func rewind() { position.withLock { $0 = Position() } }

    func append(
        _ change: StoreChange, expecting expected: Int64, at now: UTCInstant, under lease: Lease?
    ) throws -> [EventEntry] {
        let known = position.withLock { $0 }
        guard known.head.sequence == expected else {
            throw ControllerError.storeConflict(known.head.sequence, expected: expected)
        }
        let made = try known.head.following(change.events, at: now)
        let append = try PostgresAppend(change, made.entries, made.lines, known, to: made.head, under: lease)
        let rows: PostgresRows
        do {
            rows = try noting { try withConnection { try $0.run(PostgresAppend.sql, append.values) } }
        } catch let error as ControllerError where error.code == "controller.store.away" {
            // Whether it was done is not known: if it was, it stands there.
            guard try isStored(append, made.head) else { throw error }
            position.withLock { $0.head = made.head }
            return made.entries
        }
        guard rows.count == 1 else {
            if let lease { try check(lease) }
            throw ControllerError.store(
                "conflict", "Another controller wrote to the log after entry \(expected).", remedy: "Decide again.")
        }
        position.withLock { position in
            position.head = made.head
            // Somebody else's reports or documents lie between: `readOn` finds them.
            guard rows.integer(0, 2) == known.version + 1 else { return }
            position.arrival = rows.integer(0, 0)
            position.documents = rows.integer(0, 1)
            position.version = rows.integer(0, 2)
        }
        return made.entries
    }

    private func isStored(_ append: PostgresAppend, _ head: EventHead) throws -> Bool {
        try withConnection { connection in
            if let line = append.lines.first {
                let rows = try connection.run(
                    "SELECT 1 FROM events WHERE sequence = $1 AND entry = $2",
                    [.integer(head.sequence - Int64(append.lines.count) + 1), .bytes(line)])
                return rows.count == 1
            }
            guard let report = append.reports.first else { return false }
            let rows = try connection.run(
                "SELECT 1 FROM reports WHERE host = $1 AND sequence = $2",
                [.text(report.host.text), .integer(report.report.sequence)])
            return rows.count == 1
        }
    }

    func lines(after sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])] {
        try lines("sequence > $1 ORDER BY sequence", sequence, limit)
    }

    func lines(before sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])] {
        try lines("sequence < $1 ORDER BY sequence DESC", sequence, limit)
    }

    private func lines(
        _ which: String, _ sequence: Int64, _ limit: Int
    ) throws -> [(sequence: Int64, bytes: [UInt8])] {
        let rows = try withConnection { connection in
            try connection.run(
                "SELECT sequence, entry FROM events WHERE \(which) LIMIT $2",
                [.integer(sequence), .integer(Int64(limit))])
        }
        return (0..<rows.count).map { (rows.integer($0, 0), rows.bytes($0, 1)) }
    }

    func document(_ name: String) throws -> [UInt8]? {
        let rows = try withConnection {
            try $0.run("SELECT content FROM documents WHERE name = $1", [.text(name)])
        }
        return rows.count == 1 ? rows.bytes(0, 0) : nil
    }

    /// How long it has not answered, or taken nothing; nil: it did the last time it was asked. Waits for nobody.
    var awayFor: Duration? {
        trouble.withLock { [$0.awaySince, $0.unwrittenSince].compactMap { $0 }.min() }.map { .now - $0 }
    }

    /// It may answer every question, and take nothing: its disk is full, or our role may not write.
    var refusesWrites: Bool { trouble.withLock { $0.unwrittenSince != nil } }

    /// Finds out whether it takes writes again, without any: a row that needs space of its own, and is taken back.
    func probeWrites() throws {
        try noting {
            try withConnection { connection in
                try connection.run("BEGIN")
                do {
                    // Digests, which nothing makes smaller: 64 KiB.
                    try connection.run(
                        """
                        INSERT INTO documents (name, content)
                        SELECT 'probe ' || pg_backend_pid(), string_agg(sha256(it::text::bytea), '')
                        FROM generate_series(1, 2048) AS it
                        """)
                    try connection.run("ROLLBACK")
                } catch let error as PostgresError {
                    _ = try? connection.run("ROLLBACK")
                    throw error
                }
            }
        }
    }

    /// Notes whether a write was taken. Somebody else's that came first is no refusal.
    private func noting<Value>(_ write: () throws -> Value) throws -> Value {
        do {
            let value = try write()
            trouble.withLock { $0.unwrittenSince = nil }
            return value
        } catch let error as ControllerError where !error.isOvertaken && error.status != .conflict {
            trouble.withLock { $0.unwrittenSince = $0.unwrittenSince ?? .now }
            throw error
        }
    }

    func ping() throws { _ = try withConnection { try $0.run("SELECT 1") } }

    func close() throws { link.withLock { $0.connection = nil } }

    private func chain(_ what: String) -> ControllerError {
        .store(
            "chain", "The log in \(place) is damaged: \(what).",
            remedy: "Restore the database from a backup, and find out who or what changed it.")
    }

    // MARK: the connection

    func withConnection<Value: Sendable>(_ body: (PostgresConnection) throws -> Value) throws -> Value {
        try link.withLock { link in
            if let until = link.awayUntil, until > .now { throw away(link.awayBecause) }
            link.awayUntil = nil
            do {
                let connection = try link.connection ?? PostgresConnection(address)
                link.connection = connection
                let value = try body(connection)
                trouble.withLock { $0.awaySince = nil }
                return value
            } catch let error as PostgresError {
                guard error.isAway else { throw refused(error) }
                trouble.withLock { $0.awaySince = $0.awaySince ?? .now }
                // A connection that broke is made anew with the next call; one that could not be made has to wait.
                if link.connection == nil || error.isSilence {
                    link.awayUntil = .now + .seconds(1)
                    link.awayBecause = error.message
                }
                link.connection = nil
                throw away(error.message)
            }
        }
    }

    private func away(_ cause: String) -> ControllerError {
        var error = ControllerError(
            .serviceUnavailable, code: "store.away", summary: "The database \(place) cannot be reached.",
            remedy:
                "Nothing is lost: what was not confirmed is tried again. See that PostgreSQL runs, answers, and is no standby; for its "
                + "certificate, sslrootcert=FILE names the authority.",
            cause: cause)
        error.retryAfter = .seconds(5)
        return error
    }

    private func refused(_ error: PostgresError) -> ControllerError {
        switch error.state {
        case "23505" where error.message.contains(PostgresStore.requestsKey): .requestIsKept()
        case "23505", "40001", "40P01":
            .store(
                "conflict", "Another controller stored the same before.", remedy: "Decide again.", cause: error.message)
        case "53100", "58030":
            .storeDisk(place, cause: error.message)
        default:
            .store(
                "database", "The database \(place) refused an operation.",
                remedy: "Look at PostgreSQL's log, and at what the role of the controller may do.",
                cause: "\(error.state) \(error.message)")
        }
    }
}

/// The one statement of an append.
struct PostgresAppend {
    let values: [PostgresValue]
    let lines: [[UInt8]]
    let reports: [StoredReport]

    init(
        _ change: StoreChange, _ entries: [EventEntry], _ lines: [[UInt8]], _ known: PostgresStore.Position,
        to head: EventHead, under lease: Lease?
    ) throws {
        self.lines = lines
        reports = change.reports
        let documents = change.documents.sorted { $0.key < $1.key }
        let requests = change.request.map { [$0] } ?? []
        values = [
            .text(lease?.name ?? ""), .text(lease?.holder ?? ""), .integer(lease?.token ?? 0),
            .integer(head.sequence), .bytes(head.digest.bytes), .integer(Int64(reports.count)),
            .integer(documents.isEmpty ? 0 : 1), .integer(known.head.sequence), .bytes(known.head.digest.bytes),
            .integer(known.documents),
            .integers(entries.map(\.sequence)), .byteStrings(lines),
            .texts(reports.map(\.host.text)), .integers(reports.map(\.report.sequence)),
            .integers(reports.map(\.receivedAt.millisecondsSince1970)),
            .byteStrings(try reports.map { try $0.bytes() }),
            .texts(documents.map(\.key)), .byteStrings(documents.map(\.value)),
            .texts(requests.map(\.key.hex)), .texts(requests.map(\.digest.hex)),
            .integers(requests.map(\.at.millisecondsSince1970)), .texts(requests.map(\.person)),
        ]
    }

    static let sql = """
        WITH fence AS (SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND token = $3 FOR SHARE),
        moved AS (
            UPDATE head SET sequence = $4, digest = $5, arrival = arrival + $6, documents = documents + $7,
                version = version + 1
            WHERE sequence = $8 AND digest = $9 AND ($7 = 0 OR documents = $10)
                AND ($1 = '' OR EXISTS (SELECT 1 FROM fence))
            RETURNING arrival, documents, version),
        new_events AS (
            INSERT INTO events (sequence, entry)
            SELECT it.sequence, it.entry FROM moved, unnest($11, $12) AS it (sequence, entry)),
        new_reports AS (
            INSERT INTO reports (arrival, host, sequence, received_at, report)
            SELECT moved.arrival - $6 + it.number, it.host, it.sequence, it.at, it.report
            FROM moved, unnest($13, $14, $15, $16) WITH ORDINALITY AS it (host, sequence, at, report, number)),
        new_documents AS (
            INSERT INTO documents (name, content)
            SELECT it.name, it.content FROM moved, unnest($17, $18) AS it (name, content)
            ON CONFLICT (name) DO UPDATE SET content = excluded.content),
        new_requests AS (
            INSERT INTO requests (key, digest, received_at, person)
            SELECT it.key, it.digest, it.at, it.person
            FROM moved, unnest($19, $20, $21, $22) AS it (key, digest, at, person))
        SELECT arrival, documents, version FROM moved
        """
}
