import Synchronization

/// Events on their way from the connection to one reader, at most `waitingMax` of them: a slow reader holds the sender
/// back instead of filling memory.
final class EventQueue: Sendable {
    private struct State {
        var waiting: [ServerSentEvent] = []
        /// Set once: how the stream ended, told after the last event.
        var end: (any Error)?
        var reader: CheckedContinuation<ServerSentEvent?, any Error>?
        var writer: CheckedContinuation<Void, any Error>?
    }

    private let waitingMax: Int
    private let state = Mutex(State())

    init(waitingMax: Int) { self.waitingMax = waitingMax }

    /// Returns when there is room for the next. Called by one writer.
    /// - Throws: how the stream ended, when its reader is gone.
    func put(_ event: ServerSentEvent) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let (reader, result) = state.withLock {
                state -> (CheckedContinuation<ServerSentEvent?, any Error>?, Result<Void, any Error>?) in
                if let end = state.end { return (nil, .failure(end)) }
                if let reader = state.reader.take() { return (reader, .success(())) }
                state.waiting.append(event)
                if state.waiting.count < waitingMax { return (nil, .success(())) }
                state.writer = continuation
                return (nil, nil)
            }
            reader?.resume(returning: event)
            if let result { continuation.resume(with: result) }
        }
    }

    /// Called by one reader.
    func next() async throws -> ServerSentEvent? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (writer, result) = state.withLock {
                    state -> (CheckedContinuation<Void, any Error>?, Result<ServerSentEvent?, any Error>?) in
                    if !state.waiting.isEmpty { return (state.writer.take(), .success(state.waiting.removeFirst())) }
                    if let end = state.end { return (nil, .failure(end)) }
                    state.reader = continuation
                    return (nil, nil)
                }
                writer?.resume()
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            end(CancellationError())
        }
    }

    /// The first end counts. A reader that waits, or a writer, hears of it at once.
    func end(_ error: any Error) {
        let (reader, writer) = state.withLock { state in
            if state.end == nil { state.end = error }
            return (state.reader.take(), state.writer.take())
        }
        reader?.resume(throwing: error)
        writer?.resume(throwing: error)
    }
}

/// Held by the stream alone: when its reader drops it, the connection closes.
final class EventReader: Sendable {
    private let queue: EventQueue
    private let task: Task<Void, Never>

    init(_ queue: EventQueue, _ task: Task<Void, Never>) {
        self.queue = queue
        self.task = task
    }

    deinit {
        queue.end(CancellationError())
        task.cancel()
    }

    func next() async throws -> ServerSentEvent? {
        do { return try await queue.next() } catch {
            task.cancel()
            throw error
        }
    }
}
