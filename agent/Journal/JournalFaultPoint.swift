import Glibc

/// Lets a test kill the real agent at the N-th append, of debug builds only: `SLIPWAY_FAULT_KILL_AT=N` with
/// `SLIPWAY_FAULT_KILL_WHEN=before|torn|after`. Release builds have nothing of it.
struct JournalFaultPoint {
    enum Moment: String { case before, torn, after }

    #if DEBUG
        private var left: Int?
        private let when: Moment

        init() {
            left = getenv("SLIPWAY_FAULT_KILL_AT").flatMap { Int(String(cString: $0)) }
            when = getenv("SLIPWAY_FAULT_KILL_WHEN").flatMap { Moment(rawValue: String(cString: $0)) } ?? .after
        }

        mutating func reach(_ moment: Moment, write: () -> Void) {
            guard let left, moment == when else { return }
            guard left <= 1 else {
                self.left = left - 1
                return
            }
            write()
            kill(getpid(), SIGKILL)
        }
    #else
        init() {}
        @inline(__always) func reach(_ moment: Moment, write: () -> Void) {}
    #endif
}
