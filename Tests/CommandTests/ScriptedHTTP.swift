import Effects
import ReleaseDefinition
import Synchronization

/// A controller in a list: each request takes the next answer.
final class ScriptedHTTP: HTTPDoor {
    enum Answer: Sendable {
        case status(Int, JSONValue)
        /// A stream that says this and then breaks.
        case events([ServerSentEvent])
        /// A download.
        case pieces([HTTPField], [[UInt8]])
        case unreachable
        /// What lies before the controller passes no stream.
        case refusedStream
    }

    private struct State {
        var answers: [Answer]
        var requests: [HTTPRequest] = []
    }

    private let state: Mutex<State>

    init(_ answers: [Answer]) { state = Mutex(State(answers: answers)) }

    var requests: [HTTPRequest] { state.withLock { $0.requests } }

    private static let away = EffectsError(code: "http.unreachable", summary: "nobody listens", remedy: "")

    private static let refused = EffectsError(code: "http.status", summary: "answered 502", remedy: "")

    private func next(_ request: HTTPRequest) -> Answer {
        state.withLock { state in
            state.requests.append(request)
            return state.answers.isEmpty ? .unreachable : state.answers.removeFirst()
        }
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard case .status(let status, let body) = next(request) else { throw Self.away }
        return HTTPResponse(
            head: HTTPHead(status: status, headers: [HTTPField("ETag", "\"tag\"")]), body: body.wireBytes)
    }

    func download(
        _ request: HTTPRequest, head: @Sendable (HTTPHead) async throws -> Void,
        receive: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        guard case .pieces(let headers, let pieces) = next(request) else { throw Self.away }
        try await head(HTTPHead(status: 200, headers: headers))
        for piece in pieces { try await receive(piece) }
    }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        let answer = next(request)
        return AsyncThrowingStream { continuation in
            if case .events(let events) = answer { events.forEach { continuation.yield($0) } }
            if case .refusedStream = answer { continuation.finish(throwing: Self.refused) }
            continuation.finish(throwing: Self.away)
        }
    }
}

/// Time that passes only by waiting for it.
final class PatientTime: TimeDoor {
    private let waited = Mutex(TimeSpan.zero)

    func now() -> UTCInstant { UTCInstant(secondsSince1970: 0) + monotonic() }
    func monotonic() -> TimeSpan { waited.withLock { $0 } }
    func sleep(for span: TimeSpan) async throws {
        try Task.checkCancellation()
        waited.withLock { $0 = $0 + span }
    }
}
