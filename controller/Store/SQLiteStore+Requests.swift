import FoundationEssentials
import GRDB
import ReleaseDefinition

extension SQLiteStore {
    func request(_ key: SHA256Digest) throws -> KeptRequest? {
        try Self.translating(place) {
            try queue.read { database in
                try Row.fetchOne(
                    database, sql: "SELECT digest, receivedAt, answer, person FROM requests WHERE key = ?",
                    arguments: [key.hex]
                ).map { row in
                    KeptRequest(
                        key: key, person: row[3], digest: try SHA256Digest(hex: row[0]),
                        at: UTCInstant(millisecondsSince1970: row[1]), answer: (row[2] as Data?).map { Array($0) })
                }
            }
        }
    }

    func keep(_ request: KeptRequest) throws {
        try Self.translating(place) {
            _ = try queue.write { try Self.insert(request, "OR REPLACE", $0) }
        }
    }

    func forgetRequests(of person: String, at now: UTCInstant) throws {
        try Self.translating(place) {
            try queue.write { database in
                try database.execute(
                    sql: "DELETE FROM requests WHERE receivedAt <= ?",
                    arguments: [(now - KeptRequest.lifetime).millisecondsSince1970])
                let (own, all) = (KeptRequest.personMax, KeptRequest.wholeMax)
                try database.execute(
                    sql: Self.forget("WHERE person = ?"), arguments: [person, own.count, own.bytes.value])
                try database.execute(sql: Self.forget(""), arguments: [all.count, all.bytes.value])
            }
        }
    }

    /// Whatever lies behind so many, or so many bytes, of the newest.
    private static func forget(_ condition: String) -> String {
        """
        DELETE FROM requests WHERE rowid IN (
            SELECT row FROM (
                SELECT rowid AS row, row_number() OVER newest AS place, sum(size) OVER newest AS total
                FROM requests \(condition)
                WINDOW newest AS (ORDER BY receivedAt DESC ROWS UNBOUNDED PRECEDING))
            WHERE place > ? OR total > ?)
        """
    }

    /// - Returns: whether it was not there.
    static func insert(_ request: KeptRequest, _ otherwise: String, _ database: Database) throws -> Bool {
        try database.cachedStatement(
            sql: """
                INSERT \(otherwise) INTO requests (key, person, digest, receivedAt, answer, size)
                VALUES (?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            request.key.hex, request.person, request.digest.hex, request.at.millisecondsSince1970,
            request.answer.map { Data($0) }, request.answer?.count ?? 0,
        ])
        return database.changesCount == 1
    }
}
