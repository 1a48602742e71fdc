import ReleaseDefinition

extension PostgresStore {
    /// Each once, in this order; what was shipped is never edited.
    static let migrations: [StoreMigration] = [
        StoreMigration(
            name: "1 events, reports, documents, leases",
            sql: """
                CREATE TABLE head (
                    one boolean PRIMARY KEY DEFAULT true CHECK (one), sequence bigint NOT NULL, digest bytea NOT NULL,
                    arrival bigint NOT NULL, documents bigint NOT NULL, version bigint NOT NULL);
                INSERT INTO head VALUES (true, 0, sha256(''), 0, 0, 0);
                CREATE TABLE events (sequence bigint PRIMARY KEY, entry bytea NOT NULL);
                CREATE TABLE reports (
                    arrival bigint PRIMARY KEY, host text COLLATE "C" NOT NULL, sequence bigint NOT NULL,
                    received_at bigint NOT NULL, report bytea NOT NULL, UNIQUE (host, sequence));
                CREATE TABLE documents (name text COLLATE "C" PRIMARY KEY, content bytea NOT NULL);
                CREATE TABLE leases (
                    name text COLLATE "C" PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL,
                    ends timestamptz NOT NULL);
                CREATE FUNCTION say_head() RETURNS trigger LANGUAGE plpgsql AS
                    $$BEGIN PERFORM pg_notify('slipway', NEW.version::text); RETURN NULL; END$$;
                CREATE TRIGGER say_head AFTER UPDATE ON head FOR EACH ROW EXECUTE FUNCTION say_head();
                """),
        StoreMigration(
            name: "2 controllers and their contacts",
            sql: """
                CREATE TABLE controllers (holder text PRIMARY KEY, seen timestamptz NOT NULL);
                CREATE TABLE contacts (host text COLLATE "C" PRIMARY KEY, holder text NOT NULL);
                """),
        StoreMigration(
            name: "3 requests",
            sql: """
                CREATE TABLE requests (
                    key text COLLATE "C" CONSTRAINT requests_key PRIMARY KEY, digest text NOT NULL,
                    received_at bigint NOT NULL, answer bytea);
                CREATE INDEX requests_time ON requests (received_at);
                """),
        StoreMigration(
            name: "4 whose requests, and how long their answers",
            sql: """
                ALTER TABLE requests ADD COLUMN person text COLLATE "C" NOT NULL DEFAULT '',
                    ADD COLUMN size bigint NOT NULL DEFAULT 0;
                UPDATE requests SET size = coalesce(length(answer), 0);
                CREATE INDEX requests_person ON requests (person, received_at);
                """),
    ]

    /// The migrations that the database has had.
    /// - Throws: `controller.store.newer`.
    static func applied(to connection: PostgresConnection, place: String) throws -> Set<String> {
        guard try connection.run("SELECT 1 WHERE to_regclass('migrations') IS NOT NULL").count == 1 else { return [] }
        let rows = try connection.run("SELECT name FROM migrations")
        let applied = Set((0..<rows.count).map { rows.text($0, 0) })
        if let newer = applied.subtracting(migrations.map(\.name)).max() {
            throw ControllerError.storeIsNewer(place, migration: newer)
        }
        return applied
    }

    /// Several controllers may start at once: one of them migrates.
    static func migrate(_ connection: PostgresConnection, place: String) throws {
        try connection.run("BEGIN")
        do {
            try connection.run("SELECT pg_advisory_xact_lock(7235419)")
            try connection.run(
                script: """
                    SET LOCAL client_min_messages = warning;
                    CREATE TABLE IF NOT EXISTS migrations (
                        name text PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())
                    """)
            let applied = try applied(to: connection, place: place)
            for step in migrations where !applied.contains(step.name) {
                try connection.run(script: step.sql)
                try connection.run("INSERT INTO migrations (name) VALUES ($1)", [.text(step.name)])
            }
            try connection.run("COMMIT")
        } catch {
            _ = try? connection.run("ROLLBACK")
            throw error
        }
    }
}

extension PostgresStore: LeaseStore {
    func acquire(_ name: String, by holder: String, for span: TimeSpan) throws -> Lease? {
        let rows = try withConnection { connection in
            try connection.run(
                """
                INSERT INTO leases AS it (name, holder, token, ends)
                VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
                ON CONFLICT (name) DO UPDATE SET holder = $2, ends = excluded.ends,
                    token = it.token + CASE WHEN it.holder = $2 THEN 0 ELSE 1 END
                WHERE it.holder = $2 OR it.ends < clock_timestamp()
                RETURNING token
                """, [.text(name), .text(holder), .integer(span.milliseconds)])
        }
        return rows.count == 1 ? Lease(name: name, holder: holder, token: rows.integer(0, 0)) : nil
    }

    func release(_ lease: Lease) throws {
        _ = try withConnection { connection in
            try connection.run(
                "UPDATE leases SET ends = '-infinity', holder = '' WHERE name = $1 AND holder = $2 AND token = $3",
                [.text(lease.name), .text(lease.holder), .integer(lease.token)])
        }
    }

    func check(_ lease: Lease) throws {
        let rows = try withConnection { connection in
            try connection.run(
                "SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND token = $3",
                [.text(lease.name), .text(lease.holder), .integer(lease.token)])
        }
        if rows.count == 0 { throw ControllerError.fenced(lease) }
    }
}
