import Effects
import ReleaseDefinition
import Synchronization

/// What the controller's clock shows, by its last word and this machine's steady clock: whatever this host's own clock is
/// set to, it knows how far that is off.
final class ToldTime: Sendable {
    private let time: any TimeDoor
    private let last = Mutex<(told: UTCInstant, at: TimeSpan)?>(nil)

    init(_ time: any TimeDoor) { self.time = time }

    /// - Parameter told: as its answer left; the way here takes some time, which does not count against minutes.
    func note(_ told: UTCInstant) {
        let at = time.monotonic()
        last.withLock { $0 = (told, at) }
    }

    /// Of this host's clock, which shows `now`: above zero it is ahead. nil: nobody has told it the time.
    func error(at now: UTCInstant) -> TimeSpan? {
        guard let (told, at) = last.withLock({ $0 }) else { return nil }
        let passed = TimeSpan(milliseconds: time.monotonic().milliseconds - at.milliseconds)
        return now.since(told + passed)
    }
}
