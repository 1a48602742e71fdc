import NIOCore
import NIOPosix
import Synchronization

/// Runs the tasks of connections on the event loops that these have anyway: from a request's bytes to its answer's no other
/// thread is woken. What takes long (packages, the log, files) must not run there, nor an actor, which runs where its caller
/// does; `offLoop` takes both away.
final class LoopExecutor: TaskExecutor {
    private static let all = Mutex<[ObjectIdentifier: LoopExecutor]>([:])

    /// Whether what is running holds an event loop: it must not wait for anything.
    static var isHere: Bool { MultiThreadedEventLoopGroup.currentEventLoop != nil }

    /// For what waits for the disk: all connections of the loop would wait with it.
    static func expectElsewhere() { assert(!isHere, "This must be called by way of offLoop.") }

    private let loop: any EventLoop

    private init(_ loop: any EventLoop) { self.loop = loop }

    /// One for each loop, of which there are as many as processors.
    static func of(_ loop: any EventLoop) -> LoopExecutor {
        all.withLock { all in
            if let known = all[ObjectIdentifier(loop)] { return known }
            let made = LoopExecutor(loop)
            all[ObjectIdentifier(loop)] = made
            return made
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// On a thread that no connection waits for.
func offLoop<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
) async rethrows -> Value {
    try await withTaskExecutorPreference(globalConcurrentExecutor, isolation: isolation) { try await body() }
}
