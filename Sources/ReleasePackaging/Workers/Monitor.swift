import Glibc

/// A value behind a lock that threads can wait on.
///
/// `@unchecked Sendable`: `state` and `waiting` are only touched between lock and unlock of `mutex`, which lives at a fixed address as
/// long as this object does.
final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private var waiting = 0
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    init(_ state: State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Changes the value and wakes whoever waits.
    func update<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer {
            if waiting > 0 { pthread_cond_broadcast(changed) }
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Waits until `body` answers something; it is asked after each change.
    func wait<Result>(_ body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            waiting += 1
            pthread_cond_wait(changed, mutex)
            waiting -= 1
        }
    }
}
