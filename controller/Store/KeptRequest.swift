import ReleaseDefinition

/// A request that must not be done twice: kept with what it decided, in one transaction, and later with its answer.
struct KeptRequest: Sendable, Equatable {
    static let lifetime = TimeSpan.days(1)
    /// The oldest go first: of a person's own, so that nobody pushes out another's; then of all.
    static let personMax = KeptRequestBound(count: 1000, bytes: ByteCount(32 << 20))
    static let wholeMax = KeptRequestBound(count: 10_000, bytes: ByteCount(256 << 20))

    /// Of who asks and the key that they gave.
    var key: SHA256Digest
    /// Who asks, as the log names them.
    var person: String
    /// Of method, path, query and body.
    var digest: SHA256Digest
    var at: UTCInstant
    /// nil: it is still being answered, or it ended before it was.
    var answer: [UInt8]?

    func isOver(at now: UTCInstant) -> Bool { at + Self.lifetime <= now }
}

/// How many requests are kept, and how much of their answers.
struct KeptRequestBound: Sendable, Equatable {
    var count: Int64
    var bytes: ByteCount
}

extension ControllerError {
    /// What it made is there, and what was shown of it is kept nowhere.
    static func answerIsSecret() -> ControllerError {
        .conflict(
            "idempotencyKey", "The request with the key was done, and its answer is shown once.",
            remedy:
                "Where the answer was lost, take back what it made (it stands in the list) and ask with another key.")
    }

    /// Two with one key came at once, to one controller or to two.
    static func requestIsKept() -> ControllerError {
        .conflict(
            "idempotencyKey",
            "The first request with the key is still running, or its controller ended before it was answered.",
            remedy: "Ask again in a moment. If it stays so, look at what it did before you ask with another key.")
    }
}
