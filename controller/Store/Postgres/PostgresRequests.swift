import ReleaseDefinition

extension PostgresStore {
    /// Of the table's keys.
    static let requestsKey = "requests_key"

    func request(_ key: SHA256Digest) throws -> KeptRequest? {
        let rows = try withConnection {
            try $0.run(
                "SELECT digest, received_at, (answer IS NOT NULL)::int, answer, person FROM requests WHERE key = $1",
                [.text(key.hex)])
        }
        guard rows.count == 1 else { return nil }
        return KeptRequest(
            key: key, person: rows.text(0, 4), digest: try SHA256Digest(hex: rows.text(0, 0)),
            at: UTCInstant(millisecondsSince1970: rows.integer(0, 1)),
            answer: rows.integer(0, 2) == 1 ? rows.bytes(0, 3) : nil)
    }

    func keep(_ request: KeptRequest) throws {
        _ = try withConnection { connection in
            try connection.run(
                """
                INSERT INTO requests (key, digest, received_at, answer, person, size)
                VALUES ($1, $2, $3, (SELECT it FROM unnest($4) AS it), $5, $6)
                ON CONFLICT ON CONSTRAINT \(Self.requestsKey) DO UPDATE
                    SET digest = excluded.digest, received_at = excluded.received_at, answer = excluded.answer,
                        person = excluded.person, size = excluded.size
                """,
                [
                    .text(request.key.hex), .text(request.digest.hex), .integer(request.at.millisecondsSince1970),
                    // None, or one.
                    .byteStrings(request.answer.map { [$0] } ?? []), .text(request.person),
                    .integer(Int64(request.answer?.count ?? 0)),
                ])
        }
    }

    func forgetRequests(of person: String, at now: UTCInstant) throws {
        let (own, all) = (KeptRequest.personMax, KeptRequest.wholeMax)
        _ = try withConnection { connection in
            try connection.run(
                "DELETE FROM requests WHERE received_at <= $1",
                [.integer((now - KeptRequest.lifetime).millisecondsSince1970)])
            try connection.run(
                Self.forget("WHERE person = $3"),
                [.integer(own.count), .integer(own.bytes.value), .text(person)])
            try connection.run(Self.forget(""), [.integer(all.count), .integer(all.bytes.value)])
        }
    }

    /// Whatever lies behind so many, or so many bytes, of the newest.
    private static func forget(_ condition: String) -> String {
        """
        DELETE FROM requests WHERE key IN (
            SELECT key FROM (
                SELECT key, row_number() OVER newest AS place, sum(size) OVER newest AS total
                FROM requests \(condition)
                WINDOW newest AS (ORDER BY received_at DESC ROWS UNBOUNDED PRECEDING)) AS it
            WHERE place > $1 OR total > $2)
        """
    }
}
