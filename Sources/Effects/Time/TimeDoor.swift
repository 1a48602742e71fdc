import ReleaseDefinition

/// The one source of time. Deadlines use `monotonic()`, expiry and reports `now()`.
public protocol TimeDoor: Sendable {
    func now() -> UTCInstant
    /// Since an arbitrary start; never steps back; runs on while the machine sleeps (CLOCK_BOOTTIME).
    func monotonic() -> TimeSpan
    /// - Throws: `CancellationError`.
    func sleep(for span: TimeSpan) async throws
}
