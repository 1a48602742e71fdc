import Glibc
import Synchronization

/// Threads of our own for work that computes and blocks: Swift's shared pool must stay free for whoever waits on a
/// network or a clock.
public enum Workers {
    /// One for each core that this process may use.
    public static var coreCount: Int { max(1, Int(clamping: sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Runs `body` on `count` threads (here, if it is one) and returns when all have ended.
    /// - Throws: the first error; `body` is expected to stop soon after another failed (see `Turn`).
    static func run(_ count: Int, _ body: @escaping @Sendable () throws -> Void) throws {
        if count <= 1 { return try body() }
        let failure = FirstError()
        let task = WorkerTask {
            do { try body() } catch { failure.set(error) }
        }
        var threads: [pthread_t] = []
        for _ in 1..<count {
            var thread = pthread_t()
            let box = Unmanaged.passRetained(task)
            let result = pthread_create(&thread, nil, WorkerTask.start, box.toOpaque())
            // Fewer threads than wished for are slower, not wrong.
            guard result == 0 else {
                box.release()
                break
            }
            threads.append(thread)
        }
        task.run()
        for thread in threads { pthread_join(thread, nil) }
        try failure.throwIfSet()
    }

    /// What `body` makes of each, in their order, on as many threads as there are cores; of few it is made here.
    public static func map<Item: Sendable, Value: Sendable>(
        _ items: [Item], _ body: @escaping @Sendable (Item) -> Value
    ) -> [Value] {
        let size = 128
        let count = (items.count + size - 1) / size
        guard count > 1 else { return items.map(body) }
        let made = Mutex([[Value]](repeating: [], count: count))
        let turn = Turn(count)
        // Nothing in it throws.
        try? run(min(coreCount, count)) {
            try turn.each { number in
                let values = items[number * size..<min(items.count, (number + 1) * size)].map(body)
                made.withLock { $0[number] = values }
            }
        }
        return Array(made.withLock { $0 }.joined())
    }

    /// Runs two bodies side by side; both have ended when it returns.
    static func both<One: Sendable, Other: Sendable>(
        _ one: @escaping @Sendable () throws -> One, _ other: @escaping @Sendable () throws -> Other
    ) throws -> (One, Other) {
        let results = Mutex<(One?, Other?)>((nil, nil))
        let turn = Turn(2)
        try run(2) {
            try turn.each { number in
                if number == 0 {
                    let result = try one()
                    results.withLock { $0.0 = result }
                } else {
                    let result = try other()
                    results.withLock { $0.1 = result }
                }
            }
        }
        guard case (let first?, let second?) = results.withLock({ $0 }) else {
            preconditionFailure("a body neither answered nor threw")
        }
        return (first, second)
    }

    /// Runs a blocking body on one thread of its own while the caller is suspended.
    public static func suspending<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            let box = Unmanaged.passRetained(WorkerTask { continuation.resume(with: Result { try body() }) })
            var thread = pthread_t()
            if pthread_create(&thread, nil, WorkerTask.start, box.toOpaque()) == 0 {
                pthread_detach(thread)
            } else {
                box.takeRetainedValue().run()
            }
        }
    }
}

private final class WorkerTask: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }

    static let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { raw in
        if let raw { Unmanaged<WorkerTask>.fromOpaque(raw).takeRetainedValue().run() }
        return nil
    }
}

/// Keeps the first error that any of several threads met.
final class FirstError: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    func set(_ error: any Error) { self.error.withLock { if $0 == nil { $0 = error } } }
    var isSet: Bool { error.withLock { $0 != nil } }
    func throwIfSet() throws { if let error = error.withLock({ $0 }) { throw error } }
}

/// Hands out the numbers below `count`, each to one taker, until they are used up or somebody failed.
final class Turn: Sendable {
    private let next = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)
    private let count: Int

    init(_ count: Int) { self.count = count }

    func take() -> Int? {
        if isStopped.load(ordering: .relaxed) { return nil }
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return number < count ? number : nil
    }

    /// Calls `body` for each number taken; a failure stops all takers.
    func each(_ body: (Int) throws -> Void) throws {
        while let number = take() {
            do { try body(number) } catch {
                isStopped.store(true, ordering: .relaxed)
                throw error
            }
        }
    }
}
