import ReleaseDefinition

/// What a caller wants appended.
public struct NewEvent: Sendable {
    public var actor: String
    public var event: ControllerEvent

    public init(actor: String, event: ControllerEvent) {
        self.actor = actor
        self.event = event
    }
}

/// One entry of the log. Its bytes are JSON that names the digest of the entry before it, so a change, a swap or a removal
/// anywhere but at the end breaks every later entry (trust.md "Audit log"). The digest is of the bytes as they are stored,
/// so any tool can follow the chain. Not the form that is signed: that leaves line feeds, which people's reasons and
/// hosts' errors hold, as they are, and no strict reader takes them so.
public struct EventEntry: Sendable, Codable {
    /// From 1, without gaps but for the one before a `controller.restored`.
    public var sequence: Int64
    public var at: UTCInstant
    public var actor: String
    public var action: String
    public var object: String
    public var event: ControllerEvent
    /// Of the bytes of the entry before; of nothing for the first.
    public var previous: SHA256Digest

    static let beforeFirst = SHA256Digest(of: [])
}

extension ControllerEvent {
    /// How far its number is from the one before: after a restore it is beyond any that hosts saw.
    fileprivate var step: Int64 { if case .controllerRestored = self { ControllerRestore.jump } else { 1 } }
}

/// All that is to be found out about a stored entry without the one before it: nearly all of the work of reading a log, and each
/// core may do it.
struct StoredEntry: Sendable {
    let sequence: Int64
    let entry: Result<EventEntry, any Error>
    let digest: SHA256Digest

    init(sequence: Int64, _ bytes: [UInt8]) {
        self.sequence = sequence
        entry = Result { try JSONCoding.decode(EventEntry.self, from: bytes) }
        digest = SHA256Digest(of: bytes)
    }
}

/// The end of a log: what the next entry must follow.
struct EventHead: Sendable, Equatable {
    var sequence: Int64
    var digest: SHA256Digest

    var checkpoint: LogCheckpoint { LogCheckpoint(sequence: sequence, digest: digest) }

    static let empty = EventHead(sequence: 0, digest: EventEntry.beforeFirst)

    /// The entry's bytes, and the head after it.
    func following(_ new: NewEvent, at now: UTCInstant) throws -> (entry: EventEntry, bytes: [UInt8], head: EventHead) {
        let entry = EventEntry(
            sequence: sequence + new.event.step, at: now, actor: new.actor, action: new.event.action,
            object: new.event.object,
            event: new.event, previous: digest)
        let bytes = try JSONCoding.value(of: entry).wireBytes
        return (entry, bytes, EventHead(sequence: entry.sequence, digest: SHA256Digest(of: bytes)))
    }

    /// Checks that stored bytes are the next entry.
    /// - Throws: `controller.store.chain` with the sequence at which the chain breaks.
    func reading(sequence: Int64, _ bytes: [UInt8]) throws -> (entry: EventEntry, head: EventHead) {
        try reading(StoredEntry(sequence: sequence, bytes))
    }

    /// The same of one that was decoded before its turn.
    func reading(_ read: StoredEntry) throws -> (entry: EventEntry, head: EventHead) {
        let stored = read.sequence
        func broken(_ what: String, cause: String? = nil) -> ControllerError {
            .store(
                "chain", "The event log is damaged at entry \(sequence + 1): \(what).",
                remedy: """
                    Nothing was started. Find out who or what changed it: an intact log is never rewritten. \
                    \(SQLiteStore.wayBack)
                    """, cause: cause)
        }
        let entry: EventEntry
        do {
            entry = try read.entry.get()
        } catch {
            throw broken("it cannot be read", cause: "\(error)")
        }
        guard stored == sequence + entry.event.step else { throw broken("entry \(stored) follows entry \(sequence)") }
        guard entry.sequence == stored else { throw broken("its row says \(stored), its text \(entry.sequence)") }
        guard entry.previous == digest else {
            throw broken(
                "it follows an entry with digest \(entry.previous.short)…, the entry before has \(digest.short)…")
        }
        return (entry, EventHead(sequence: stored, digest: read.digest))
    }
}
