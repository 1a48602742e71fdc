import Glibc
import Synchronization

/// Ctrl-C, TERM and a terminal that closes: what was begun is removed before the program dies of them.
enum Interruption {
    private struct Begun {
        var next = 0
        var removals: [Int: @Sendable () -> Void] = [:]
    }

    private static let begun = Mutex(Begun())

    /// - Parameter remove: called on a thread of its own while the work may still go on.
    /// - Returns: for `end`.
    static func begin(_ remove: @escaping @Sendable () -> Void) -> Int {
        _ = isWatching
        return begun.withLock { begun in
            begun.next += 1
            begun.removals[begun.next] = remove
            return begun.next
        }
    }

    static func end(_ number: Int) { begun.withLock { _ = $0.removals.removeValue(forKey: number) } }

    /// A handler may do next to nothing, so it hands the signal to a thread.
    private static let isWatching: Bool = {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (readEnd, writeEnd) = (ends[0], ends[1])
        var thread = pthread_t()
        guard
            pthread_create(
                &thread, nil,
                { _ in
                    Interruption.wait()
                    return nil
                }, nil) == 0
        else { return false }
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let before = signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Interruption.writeEnd, &byte, 1)
            }
            // Who started the program does not want it to hear of that one (nohup).
            if withUnsafeBytes(of: before, { $0.load(as: Int.self) == 1 }) { signal(number, SIG_IGN) }
        }
        return true
    }()

    private static func wait() {
        var byte: UInt8 = 0
        while read(readEnd, &byte, 1) != 1 { guard errno == EINTR else { return } }
        let removals = begun.withLock { Array($0.removals.values) }
        for remove in removals { remove() }
        signal(Int32(byte), SIG_DFL)
        kill(getpid(), Int32(byte))
    }

    /// Written once, before the thread and the handlers that use them are there.
    nonisolated(unsafe) private static var readEnd: Int32 = -1
    nonisolated(unsafe) private static var writeEnd: Int32 = -1
}
