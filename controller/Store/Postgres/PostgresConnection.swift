import CPostgres
import Glibc
import ReleaseDefinition

/// A parameter, as libpq's binary format has it.
enum PostgresValue: Sendable, Equatable {
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
    case integers([Int64])
    case texts([String])
    case byteStrings([[UInt8]])

    /// pg_type.dat
    fileprivate var type: Oid {
        switch self {
        case .integer: 20
        case .text: 25
        case .bytes: 17
        case .integers: 1016
        case .texts: 1009
        case .byteStrings: 1001
        }
    }

    fileprivate var wire: [UInt8] {
        switch self {
        case .integer(let number): Self.bigEndian(number)
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .integers(let numbers): Self.array(numbers.map(Self.bigEndian), of: 20)
        case .texts(let texts): Self.array(texts.map { Array($0.utf8) }, of: 25)
        case .byteStrings(let strings): Self.array(strings, of: 17)
        }
    }

    private static func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// array_recv: dimensions, whether there are NULLs, type; for each dimension its length and first index; each element
    /// after its length.
    private static func array(_ elements: [[UInt8]], of type: Int32) -> [UInt8] {
        var bytes = [elements.isEmpty ? 0 : 1, 0, type].flatMap { bigEndian($0 as Int32) }
        if elements.isEmpty { return bytes }
        bytes += bigEndian(Int32(elements.count)) + bigEndian(1 as Int32)
        for element in elements {
            bytes += bigEndian(Int32(element.count))
            bytes += element
        }
        return bytes
    }
}

/// What PostgreSQL refused, or how it went away.
struct PostgresError: Error {
    /// SQLSTATE; empty where the connection failed.
    var state: String
    var message: String

    /// It may still be at it.
    var isSilence: Bool { message.hasPrefix(PostgresConnection.silence) }
    /// Of 25006 too: a server that only reads is no place for a record; the next connection looks for one that writes.
    var isAway: Bool { state.isEmpty || state.hasPrefix("08") || state.hasPrefix("57P") || state == "25006" }
}

/// The rows of an answer.
struct PostgresRows: Sendable {
    fileprivate var cells: [[[UInt8]?]] = []
    /// Rows that a command changed.
    var changed = 0

    var count: Int { cells.count }

    func bytes(_ row: Int, _ column: Int) -> [UInt8] { cells[row][column] ?? [] }
    func text(_ row: Int, _ column: Int) -> String { String(decoding: bytes(row, column), as: UTF8.self) }

    /// int2, int4 and int8 alike.
    func integer(_ row: Int, _ column: Int) -> Int64 {
        let bytes = bytes(row, column).prefix(8)
        guard let first = bytes.first else { return 0 }
        return bytes.reduce(first & 0x80 == 0 ? 0 : -1) { $0 << 8 | Int64($1) }
    }
}

/// One connection. No call waits longer than its deadline: a server that is stopped must not stop us.
final class PostgresConnection {
    static let patience = Duration.seconds(5)
    static let silence = "no answer within"

    private let handle: OpaquePointer

    /// - Parameter address: a connection string of libpq: `postgresql://…` or `host=… dbname=…`.
    init(_ address: String) throws(PostgresError) {
        // What stands before the address may be said otherwise in it. Of several servers that one is taken which writes.
        let keywords = ["target_session_attrs", "dbname", "connect_timeout", "application_name", "client_encoding"]
        let values = ["read-write", address, "5", "slipway-controller", "UTF8"]
        let words = keywords.map { strdup($0) } + [nil]
        let texts = values.map { strdup($0) } + [nil]
        defer { (words + texts).forEach { free($0) } }
        let connection = words.map { UnsafePointer($0) }.withUnsafeBufferPointer { words in
            texts.map { UnsafePointer($0) }.withUnsafeBufferPointer { texts in
                PQconnectdbParams(words.baseAddress, texts.baseAddress, 1)
            }
        }
        guard let connection else { throw PostgresError(state: "", message: "no memory for a connection") }
        guard PQstatus(connection) == CONNECTION_OK else {
            let message = Self.words(PQerrorMessage(connection))
            PQfinish(connection)
            throw PostgresError(state: "", message: message)
        }
        PQsetnonblocking(connection, 1)
        // Notices of our own migrations are nobody's news.
        _ = PQsetNoticeProcessor(connection, { _, _ in }, nil)
        handle = connection
    }

    deinit { PQfinish(handle) }

    /// One statement.
    @discardableResult
    func run(_ sql: String, _ values: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
        let wires = values.map(\.wire)
        let types = values.map(\.type)
        let lengths = wires.map { Int32($0.count) }
        let formats = [Int32](repeating: 1, count: values.count)
        var all = wires.flatMap { $0 }
        // An empty array may have no address, and none means NULL.
        all.append(0)
        let sent = all.withUnsafeBufferPointer { buffer -> Int32 in
            var offset = 0
            let pointers = wires.map { wire -> UnsafePointer<CChar>? in
                defer { offset += wire.count }
                return buffer.baseAddress.map { UnsafeRawPointer($0 + offset).assumingMemoryBound(to: CChar.self) }
            }
            return PQsendQueryParams(handle, sql, Int32(values.count), types, pointers, lengths, formats, 1)
        }
        guard sent == 1 else { throw failure() }
        return try answer()
    }

    /// Several statements in one go, without parameters.
    func run(script: String) throws(PostgresError) {
        guard PQsendQuery(handle, script) == 1 else { throw failure() }
        _ = try answer()
    }

    /// Waits for a notification, at most so long.
    /// - Returns: whether one came.
    func waitForNotification(_ span: Duration) throws(PostgresError) -> Bool {
        if takeNotifications() { return true }
        _ = try wait(for: POLLIN, until: .now + span)
        guard PQconsumeInput(handle) == 1 else { throw failure() }
        return takeNotifications()
    }

    private func takeNotifications() -> Bool {
        var isAny = false
        while let notification = PQnotifies(handle) {
            PQfreemem(notification)
            isAny = true
        }
        return isAny
    }

    private func answer() throws(PostgresError) -> PostgresRows {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let rest = PQflush(handle)
            if rest == 0 { break }
            guard rest == 1, try wait(for: POLLIN | POLLOUT, until: deadline) else { throw silence(rest) }
            guard PQconsumeInput(handle) == 1 else { throw failure() }
        }
        var rows = PostgresRows()
        var error: PostgresError?
        while true {
            while PQisBusy(handle) == 1 {
                guard try wait(for: POLLIN, until: deadline) else { throw silence(1) }
                guard PQconsumeInput(handle) == 1 else { throw failure() }
            }
            guard let result = PQgetResult(handle) else { break }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: rows = Self.rows(result)
            default:
                error =
                    error
                    ?? PostgresError(
                        state: Self.words(PQresultErrorField(result, Int32(UInt8(ascii: "C")))),
                        message: Self.words(PQresultErrorMessage(result)))
            }
        }
        if let error { throw error }
        return rows
    }

    private static func rows(_ result: OpaquePointer) -> PostgresRows {
        let columns = PQnfields(result)
        var rows = PostgresRows()
        for row in 0..<PQntuples(result) {
            rows.cells.append(
                (0..<columns).map { column in
                    guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else {
                        return nil
                    }
                    let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
                    return Array(bytes)
                })
        }
        rows.changed = Int(words(PQcmdTuples(result))) ?? 0
        return rows
    }

    /// - Returns: false where the deadline passed.
    private func wait(for events: Int32, until deadline: ContinuousClock.Instant) throws(PostgresError) -> Bool {
        let socket = PQsocket(handle)
        guard socket >= 0 else { throw failure() }
        while true {
            let left = deadline - .now
            guard left > .zero else { return false }
            var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            let count = poll(&entry, 1, Int32(clamping: milliseconds + 1))
            if count > 0 { return true }
            if count < 0, errno != EINTR { throw PostgresError(state: "", message: "poll: \(errno)") }
        }
    }

    private func silence(_ rest: Int32) -> PostgresError {
        rest == 1 ? PostgresError(state: "", message: "\(Self.silence) \(Self.patience)") : failure()
    }

    private func failure() -> PostgresError {
        PostgresError(state: "", message: Self.words(PQerrorMessage(handle)))
    }

    private static func words(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        return String(cString: text).split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
