import ReleaseDefinition

/// A request that must not be done twice: kept with what it decided, in one transaction, and later with its answer.
struct KeptRequest: Sendable, Equatable {
    static let lifetime = TimeSpan.days(1)
    /// The oldest go first.
    static let countMax: Int64 = 10_000

    /// Of who asks and the key that they gave.
    var key: SHA256Digest
    /// Of method, path, query and body.
    var digest: SHA256Digest
    var at: UTCInstant
    /// nil: it is still being answered, or it ended before it was.
    var answer: [UInt8]?

    func isOver(at now: UTCInstant) -> Bool { at + Self.lifetime <= now }
}

extension ControllerError {
    /// Two with one key came at once, to one controller or to two.
    static func requestIsKept() -> ControllerError {
        .conflict(
            "idempotencyKey",
            "The first request with the key is still running, or its controller ended before it was answered.",
            remedy: "Ask again in a moment. If it stays so, look at what it did before you ask with another key.")
    }
}
