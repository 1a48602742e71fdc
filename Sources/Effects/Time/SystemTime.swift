import Glibc
import ReleaseDefinition

/// The machine's clocks.
public struct SystemTime: TimeDoor {
    public init() {}

    public func now() -> UTCInstant { UTCInstant(millisecondsSince1970: Self.read(CLOCK_REALTIME)) }

    public func monotonic() -> TimeSpan { .milliseconds(Self.read(CLOCK_BOOTTIME)) }

    /// Zero or less returns at once (after a look at the task's cancellation).
    public func sleep(for span: TimeSpan) async throws {
        try await Task.sleep(for: max(span, .zero).duration, clock: .continuous)
    }

    /// Both clocks exist on every Linux we run on: the call cannot fail with these arguments.
    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
