import Glibc

@_silgen_name("unshare") private func unshareLinux(_ flags: Int32) -> Int32

/// Runs `body` on a thread with an umask of its own: a process has one for all its threads, and other tests run in this one.
func withUmask(_ mask: mode_t, _ body: @escaping @Sendable () throws -> Void) throws {
    final class Work: Sendable {
        let mask: mode_t
        let body: @Sendable () throws -> Void
        // Written by the one thread, read when it has ended.
        nonisolated(unsafe) var result = Result<Void, any Error>.success(())

        init(_ mask: mode_t, _ body: @escaping @Sendable () throws -> Void) { (self.mask, self.body) = (mask, body) }
    }
    let work = Work(mask, body)
    var thread = pthread_t()
    let started = pthread_create(
        &thread, nil,
        { raw in
            guard let raw else { return nil }
            let work = Unmanaged<Work>.fromOpaque(raw).takeUnretainedValue()
            // CLONE_FS: umask and working folder are this thread's from here on.
            guard unshareLinux(0x200) == 0 else { fatalError("unshare: errno \(errno)") }
            umask(work.mask)
            work.result = Result { try work.body() }
            return nil
        }, Unmanaged.passUnretained(work).toOpaque())
    guard started == 0 else { fatalError("no thread: \(started)") }
    pthread_join(thread, nil)
    try work.result.get()
}
