import ReleaseDefinition

/// What controllers that share a database know of one another besides the log: who is there, and who has which host's
/// stream. None of it is history; a controller that died is forgotten by the clock of the database.
extension PostgresStore {
    /// How long after its last sign a controller counts as there.
    private static let presence: Int64 = 8

    func notePresence(of holder: String) throws {
        _ = try withConnection { connection in
            try connection.run(
                """
                INSERT INTO controllers (holder, seen) VALUES ($1, clock_timestamp())
                ON CONFLICT (holder) DO UPDATE SET seen = excluded.seen
                """, [.text(holder)])
        }
    }

    /// A controller has said within seconds that it is there, or leads. It may be of an older version, whose tables these are.
    func isInUse() throws -> Bool {
        try withConnection { connection in
            func isAny(_ table: String, _ condition: String) throws -> Bool {
                guard try connection.run("SELECT 1 WHERE to_regclass($1) IS NOT NULL", [.text(table)]).count == 1
                else { return false }
                return try connection.run("SELECT 1 FROM \(table) WHERE \(condition) LIMIT 1").count == 1
            }
            return try isAny(
                "controllers", "seen > clock_timestamp() - \(Self.presence) * interval '1 second'")
                || isAny("leases", "holder <> '' AND ends > clock_timestamp()")
        }
    }

    func noteContact(of host: HostID, with holder: String) throws {
        _ = try withConnection { connection in
            try connection.run(
                """
                INSERT INTO contacts (host, holder) VALUES ($1, $2)
                ON CONFLICT (host) DO UPDATE SET holder = excluded.holder
                """, [.text(host.text), .text(holder)])
        }
    }

    /// - Returns: false where the host has its stream with another controller by now.
    func endContact(of host: HostID, with holder: String) throws -> Bool {
        let rows = try withConnection { connection in
            _ = try connection.run(
                "DELETE FROM contacts WHERE host = $1 AND holder = $2", [.text(host.text), .text(holder)])
            return try connection.run(
                """
                SELECT 1 FROM contacts JOIN controllers USING (holder)
                WHERE host = $1 AND seen > clock_timestamp() - $2 * interval '1 second'
                """, [.text(host.text), .integer(Self.presence)])
        }
        return rows.count == 0
    }

    /// The hosts that are in contact with controllers which are there.
    func contacts(besides holder: String) throws -> Set<HostID> {
        let rows = try withConnection { connection in
            try connection.run(
                """
                SELECT host FROM contacts JOIN controllers USING (holder)
                WHERE holder <> $1 AND seen > clock_timestamp() - $2 * interval '1 second'
                """, [.text(holder), .integer(Self.presence)])
        }
        return Set((0..<rows.count).map { HostID(unchecked: rows.text($0, 0)) })
    }

    /// It ends: its hosts go elsewhere.
    func forget(_ holder: String) throws {
        try withConnection { connection in
            try connection.run("DELETE FROM contacts WHERE holder = $1", [.text(holder)])
            try connection.run("DELETE FROM controllers WHERE holder = $1", [.text(holder)])
        }
    }
}
