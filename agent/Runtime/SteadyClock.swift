import Effects
import ReleaseDefinition

/// The time of day at its making, carried on by the monotonic clock: a wall clock that is set does not move deadlines
/// (R32).
struct SteadyClock: Sendable {
    private let time: any TimeDoor
    private let startedAt: UTCInstant
    private let start: TimeSpan

    init(_ time: any TimeDoor) {
        self.time = time
        startedAt = time.now()
        start = time.monotonic()
    }

    func now() -> UTCInstant {
        startedAt + TimeSpan(milliseconds: time.monotonic().milliseconds - start.milliseconds)
    }
}
