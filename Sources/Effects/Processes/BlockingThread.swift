import CSystemShims
import Glibc
import ReleaseDefinition
import Synchronization

/// A thread for calls that wait: the few threads of the concurrency runtime must not be held up.
enum BlockingThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// - Returns: false when the system gives no thread; `body` is not run then.
    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 << 10)
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        if result != 0 { work.release() }
        return result == 0
    }

    /// Runs `body` on a thread of its own. When the task is cancelled, `Wake` becomes readable: `body` decides what that
    /// means and still returns.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable (Wake) throws -> Value
    ) async throws -> Value {
        let wake = try Wake()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
                let isStarted = start { continuation.resume(with: Result { try body(wake) }) }
                if !isStarted {
                    continuation.resume(
                        throwing: EffectsError(
                            code: "process.start", summary: "The system gives no further thread.",
                            remedy: "Raise the limit of tasks of this service (TasksMax, ulimit -u)."))
                }
            }
        } onCancel: {
            wake.set()
        }
    }
}

/// Something to poll for beside descriptors: readable for ever once set.
final class Wake: Sendable {
    let descriptor: Int32
    private let setter: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        try SystemCall.check("pipe2", "a pipe") { slipway_pipe(&ends) }
        (descriptor, setter) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(setter)
    }

    /// One byte into an empty pipe never blocks, and a cancellation handler runs once.
    func set() { write(setter, [1], 1) }
}
