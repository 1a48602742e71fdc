import AgentProtocol
import ReleaseDefinition

/// A report as the store has it.
struct StoredReport: Sendable, Equatable {
    var host: HostID
    var report: HostReport
    var receivedAt: UTCInstant
    /// What the record holds, where it is made already.
    var made: [UInt8]?

    func bytes() throws -> [UInt8] { try made ?? Self.bytes(of: report) }

    static func bytes(of report: HostReport) throws -> [UInt8] { try JSONCoding.value(of: report).wireBytes }
}

/// What one append makes durable together, or not at all.
struct StoreChange: Sendable {
    var events: [NewEvent] = []
    var reports: [StoredReport] = []
    /// Documents that are not history: the state of the signed metadata.
    var documents: [String: [UInt8]] = [:]
    /// The request that makes it, where it must not be done twice.
    var request: KeptRequest?
}

/// The controller's truth: a chained log of decisions, the reports of hosts, a few documents. Append with the version
/// expected, read on from a sequence, and the log's end as a checkpoint; one set of tests holds every kind to it.
///
/// - Throws: `controller.store.…`: `conflict` where a decision must be made again, `chain` and `corrupt` where what is
///   stored is not what was written, `away` where it cannot be reached now, `fenced` where somebody else leads.
protocol EventStore: Sendable {
    /// The end of the log as far as this process has read or written it.
    var head: EventHead { get }

    /// What it is, for messages.
    var place: String { get }

    /// Everything that this process has not seen yet: the log in order with its chain checked, then the reports in the
    /// order of arrival. The first time that is all there is.
    /// - Returns: whether a document was written by another process since the last time.
    func readOn(event: (EventEntry) throws -> Void, report: (StoredReport) throws -> Void) throws -> Bool

    /// The next time, `readOn` begins at the beginning.
    func rewind()

    /// Appends after `expected`, in one transaction that is on the disk when this returns.
    /// - Parameter lease: nothing is written unless this is still in force.
    /// - Throws: `controller.store.conflict` where the log or a report was written by another: read on, decide again.
    ///   `controller.conflict.idempotencyKey` where its request is kept already.
    func append(
        _ change: StoreChange, expecting expected: Int64, at now: UTCInstant, under lease: Lease?
    ) throws -> [EventEntry]

    /// Up to `limit` entries after a sequence, as the bytes that are chained.
    func lines(after sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])]

    /// Up to `limit` entries before a sequence, the newest first.
    func lines(before sequence: Int64, limit: Int) throws -> [(sequence: Int64, bytes: [UInt8])]

    func document(_ name: String) throws -> [UInt8]?

    func request(_ key: SHA256Digest) throws -> KeptRequest?

    /// Keeps a request with its answer.
    func keep(_ request: KeptRequest) throws

    /// Those whose time is over; of too many of a person, and of too many in all, the oldest.
    func forgetRequests(of person: String, at now: UTCInstant) throws

    /// Whether it can be reached now; answers within seconds.
    func ping() throws

    func close() throws
}

extension EventStore {
    var sequence: Int64 { head.sequence }

    func append(_ change: StoreChange, expecting expected: Int64, at now: UTCInstant) throws -> [EventEntry] {
        try append(change, expecting: expected, at: now, under: nil)
    }

    /// All of it, from the beginning.
    func replay(event: (EventEntry) throws -> Void, report: (StoredReport) throws -> Void) throws {
        rewind()
        _ = try readOn(event: event, report: report)
    }

    /// Entries after a sequence, for streams that resume.
    func entries(after sequence: Int64, limit: Int) throws -> [EventEntry] {
        try lines(after: sequence, limit: limit).map { try JSONCoding.decode(EventEntry.self, from: $0.bytes) }
    }

    /// Entries before a sequence, the newest first.
    func entries(before sequence: Int64, limit: Int) throws -> [EventEntry] {
        try lines(before: sequence, limit: limit).map { try JSONCoding.decode(EventEntry.self, from: $0.bytes) }
    }

    /// The end of the chain as it is read anew from the disk.
    /// - Throws: `controller.store.chain` where it breaks, or ends elsewhere than this process left it.
    func verifiedHead() throws -> EventHead {
        let known = head
        var read = EventHead.empty
        reading: while read.sequence < known.sequence {
            let lines = try lines(after: read.sequence, limit: 1000)
            if lines.isEmpty { break }
            for line in lines {
                guard line.sequence <= known.sequence else { break reading }
                read = try read.reading(sequence: line.sequence, line.bytes).head
            }
        }
        guard read == known else {
            throw ControllerError.store(
                "chain",
                "The log in \(place) ends at \(read.sequence) with \(read.digest.short)…, this process knows "
                    + "\(known.sequence) with \(known.digest.short)….",
                remedy: "Something else writes to the log: stop the controller and find out what.")
        }
        return read
    }
}

extension EventHead {
    /// The entries of a change after this end, their bytes, and the end after them.
    func following(
        _ events: [NewEvent], at now: UTCInstant
    ) throws -> (entries: [EventEntry], lines: [[UInt8]], head: EventHead) {
        var (head, entries, lines) = (self, [EventEntry](), [[UInt8]]())
        for event in events {
            let (entry, bytes, next) = try head.following(event, at: now)
            entries.append(entry)
            lines.append(bytes)
            head = next
        }
        return (entries, lines, head)
    }
}

extension ControllerError {
    /// Nothing is lost: whoever waited for a confirmation sends again.
    static func storeDisk(_ place: String, cause: String) -> ControllerError {
        var error = ControllerError(
            .serviceUnavailable, code: "store.disk", summary: "The database \(place) cannot be written.",
            remedy: "Free some space or repair the disk; what was not confirmed will be sent again.", cause: cause)
        error.retryAfter = .seconds(5)
        return error
    }

    static func storeConflict(_ end: Int64, expected: Int64) -> ControllerError {
        .store(
            "conflict", "The log ends at \(end), the decision was made at \(expected).", remedy: "Decide again.")
    }
}
