import ControllerAPI
import ReleaseDefinition
import Synchronization

/// The open streams of people. Each has a bounded buffer: who reads too slowly is cut off and resumes by the id of the
/// last event.
final class WatcherHub: Sendable {
    enum Item: Sendable {
        case change(RolloutChange)
        case heartbeat
    }

    private struct Watcher {
        var rollout: RolloutID?
        var continuation: AsyncStream<Item>.Continuation
    }

    private struct State {
        var next: UInt64 = 1
        var watchers: [UInt64: Watcher] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    func add(_ continuation: AsyncStream<Item>.Continuation, rollout: RolloutID?) -> UInt64 {
        state.withLock { state in
            let number = state.next
            state.next += 1
            if state.isClosed {
                continuation.finish()
            } else {
                state.watchers[number] = Watcher(rollout: rollout, continuation: continuation)
            }
            return number
        }
    }

    var count: Int { state.withLock { $0.watchers.count } }

    func remove(_ number: UInt64) {
        state.withLock { state in
            state.watchers[number]?.continuation.finish()
            state.watchers[number] = nil
        }
    }

    func send(_ change: RolloutChange) {
        state.withLock { state in
            for (_, watcher) in state.watchers where watcher.rollout == nil || watcher.rollout == change.rollout {
                if case .dropped = watcher.continuation.yield(.change(change)) { watcher.continuation.finish() }
            }
        }
    }

    func heartbeat() {
        state.withLock { state in
            for (_, watcher) in state.watchers {
                if case .dropped = watcher.continuation.yield(.heartbeat) { watcher.continuation.finish() }
            }
        }
    }

    func closeAll() {
        state.withLock { state in
            state.isClosed = true
            for (_, watcher) in state.watchers { watcher.continuation.finish() }
            state.watchers = [:]
        }
    }
}
