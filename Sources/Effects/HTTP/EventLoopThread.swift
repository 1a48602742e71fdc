import NIOPosix

/// The one thread on which all HTTP clients of a process wait: each thread more is a stack and a heap of its own. Made when
/// the first client is, and never ended.
enum EventLoopThread {
    static let shared = MultiThreadedEventLoopGroup(numberOfThreads: 1)
}
