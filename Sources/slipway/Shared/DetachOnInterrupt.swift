import Glibc

/// Ctrl-C while a rollout or a rehearsal is watched: says that it goes on, and leaves with 130.
enum DetachOnInterrupt {
    /// - Parameter command: by which it is followed again.
    static func start(_ what: String, command: String) {
        let text = "\nDetached: \(what) goes on. Follow it with: \(command)\n"
        let bytes = Array(text.utf8)
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = copy.initialize(from: bytes)
        farewell = UnsafeRawBufferPointer(copy)
        // Only write and _exit, which a signal handler may call.
        signal(SIGINT) { _ in
            _ = write(STDERR_FILENO, DetachOnInterrupt.farewell.baseAddress, DetachOnInterrupt.farewell.count)
            _exit(ProgramExit.interrupted.rawValue)
        }
    }

    /// Written once, before the handler that reads it is installed, and never freed.
    nonisolated(unsafe) private static var farewell = UnsafeRawBufferPointer(start: nil, count: 0)
}
