import ReleaseDefinition

extension PostgresStore {
    /// Of the table's keys.
    static let requestsKey = "requests_key"

    func request(_ key: SHA256Digest) throws -> KeptRequest? {
        let rows = try withConnection {
            try $0.run(
                "SELECT digest, received_at, (answer IS NOT NULL)::int, answer FROM requests WHERE key = $1",
                [.text(key.hex)])
        }
        guard rows.count == 1 else { return nil }
        return KeptRequest(
            key: key, digest: try SHA256Digest(hex: rows.text(0, 0)),
            at: UTCInstant(millisecondsSince1970: rows.integer(0, 1)),
            answer: rows.integer(0, 2) == 1 ? rows.bytes(0, 3) : nil)
    }

    func keep(_ request: KeptRequest) throws {
        _ = try withConnection { connection in
            try connection.run(
                """
                INSERT INTO requests (key, digest, received_at, answer)
                VALUES ($1, $2, $3, (SELECT it FROM unnest($4) AS it))
                ON CONFLICT ON CONSTRAINT \(Self.requestsKey) DO UPDATE
                    SET digest = excluded.digest, received_at = excluded.received_at, answer = excluded.answer
                """,
                [
                    .text(request.key.hex), .text(request.digest.hex), .integer(request.at.millisecondsSince1970),
                    // None, or one.
                    .byteStrings(request.answer.map { [$0] } ?? []),
                ])
        }
    }

    func forgetRequests(at now: UTCInstant) throws {
        _ = try withConnection { connection in
            try connection.run(
                """
                DELETE FROM requests WHERE received_at <= $1 OR received_at <
                    (SELECT received_at FROM requests ORDER BY received_at DESC LIMIT 1 OFFSET $2)
                """,
                [
                    .integer((now - KeptRequest.lifetime).millisecondsSince1970),
                    .integer(KeptRequest.countMax - 1),
                ])
        }
    }
}
