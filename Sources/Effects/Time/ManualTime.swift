import ReleaseDefinition
import Synchronization

/// Time that stands still until it is told: the twin of `SystemTime` for tests and simulation.
public final class ManualTime: TimeDoor {
    private struct Sleeper {
        var wakeAt: Int64
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: UTCInstant
        var monotonic: Int64 = 0
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    public init(now: UTCInstant) { state = Mutex(State(now: now)) }

    public func now() -> UTCInstant { state.withLock { $0.now } }
    public func monotonic() -> TimeSpan { .milliseconds(state.withLock { $0.monotonic }) }

    /// Both clocks go on; everyone whose time has come wakes, the earliest first.
    public func advance(by span: TimeSpan) {
        let due = state.withLock { state -> [Sleeper] in
            state.now = state.now + span
            state.monotonic += span.milliseconds
            let due = state.sleepers.filter { $0.value.wakeAt <= state.monotonic }
            for id in due.keys { state.sleepers[id] = nil }
            return due.sorted { ($0.value.wakeAt, $0.key) < ($1.value.wakeAt, $1.key) }.map(\.value)
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Sets the wall clock alone, as an operator or NTP does. Nobody wakes.
    public func setNow(_ now: UTCInstant) { state.withLock { $0.now = now } }

    public func sleep(for span: TimeSpan) async throws {
        try Task.checkCancellation()
        guard span > .zero else { return }
        let id = state.withLock { state -> Int in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                    // A cancellation between the handler's start and here finds nobody to wake: `isCancelled` tells.
                    if Task.isCancelled {
                        continuation.resume(throwing: CancellationError())
                        return []
                    }
                    let (wakeAt, _) = state.monotonic.addingReportingOverflow(span.milliseconds)
                    state.sleepers[id] = Sleeper(wakeAt: max(wakeAt, state.monotonic), continuation: continuation)
                    return Self.takeReady(&state)
                }
                for watcher in ready { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// When the next sleeper is due, from now on; nil when nobody sleeps.
    public var nextWake: TimeSpan? {
        state.withLock { state in
            state.sleepers.values.map(\.wakeAt).min().map { .milliseconds($0 - state.monotonic) }
        }
    }

    /// Returns when at least `count` tasks sleep: what a test awaits before it advances.
    public func untilSleeping(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                state.watchers.append((count, continuation))
                return Self.takeReady(&state)
            }
            for watcher in ready { watcher.resume() }
        }
    }

    private static func takeReady(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        let sleeping = state.sleepers.count
        let ready = state.watchers.filter { $0.count <= sleeping }.map(\.continuation)
        state.watchers.removeAll { $0.count <= sleeping }
        return ready
    }
}
