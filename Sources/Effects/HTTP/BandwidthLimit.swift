import ReleaseDefinition
import Synchronization

/// A bucket of bytes that fills at an even rate and holds a second's worth: what was taken too early is paid back by
/// waiting.
struct TokenBucket: Sendable, Equatable {
    /// Bytes a second; at least one.
    let rate: Int64
    /// When the bucket will be, or was, full again: nanoseconds of a clock that never steps.
    private var fullAt: Int64

    private static let second: Int64 = 1_000_000_000

    init(rate: ByteCount, at now: TimeSpan) {
        self.rate = max(1, rate.value)
        fullAt = Self.nanoseconds(now)
    }

    /// Takes bytes that have come already: they cannot be refused, so the bucket may be overdrawn.
    /// - Returns: how long to wait before more is read.
    mutating func take(_ count: Int, at now: TimeSpan) -> TimeSpan {
        let now = Self.nanoseconds(now)
        let (cost, isTooMuch) = Int64(count).multipliedReportingOverflow(by: Self.second)
        let (next, isOver) = max(fullAt, now).addingReportingOverflow(isTooMuch ? .max : cost / rate)
        fullAt = isOver ? .max : next
        return .milliseconds(max(0, fullAt - now - Self.second) / 1_000_000)
    }

    private static func nanoseconds(_ span: TimeSpan) -> Int64 {
        let (value, isOver) = span.milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return isOver ? .max / 2 : value
    }
}

/// What all transfers through it may read a second, together: a peer is held back by not reading on. The limits of the
/// host and of an order are kept apart; the lower one counts.
public final class LimitedHTTP: HTTPDoor {
    private struct State {
        var bucket: TokenBucket?
        var ordered: ByteCount?
    }

    private let http: any HTTPDoor
    private let time: any TimeDoor
    private let own: ByteCount?
    private let state: Mutex<State>

    /// - Parameter limit: bytes a second; nil: none but what an order sets.
    public init(_ http: any HTTPDoor, limit: ByteCount?, time: any TimeDoor) {
        self.http = http
        self.time = time
        own = limit
        state = Mutex(State(bucket: limit.map { TokenBucket(rate: $0, at: time.monotonic()) }))
    }

    /// What the order under way allows; nil: it says nothing.
    public func limit(order limit: ByteCount?) {
        state.withLock { state in
            state.ordered = limit
            guard let rate = [own, limit].compactMap(\.self).min() else { return state.bucket = nil }
            // What was overdrawn stays owed where the rate stays.
            if state.bucket?.rate != max(1, rate.value) {
                state.bucket = TokenBucket(rate: rate, at: time.monotonic())
            }
        }
    }

    /// Bytes a second; nil: as fast as it goes.
    public var limit: ByteCount? { state.withLock { $0.bucket.map { ByteCount($0.rate) } } }

    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let response = try await http.send(request)
        try await pay(response.body.count)
        return response
    }

    public func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var request = request
        if let limit {
            // Several at once share the rate: nobody is given up for being slow on our own account.
            let seconds = request.responseSizeMax.value / max(1, limit.value)
            request.timeout = request.timeout + min(.seconds(min(seconds, 1 << 40) * Self.togetherMax), .days(365))
        }
        try await http.download(request, head: head) { piece in
            try await receive(piece)
            try await self.pay(piece.count)
        }
    }

    /// More transfers than any caller has under way at once.
    private static let togetherMax: Int64 = 8

    public func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error>
    {
        http.events(request, silenceMax: silenceMax)
    }

    private func pay(_ count: Int) async throws {
        let now = time.monotonic()
        let wait = state.withLock { $0.bucket?.take(count, at: now) } ?? .zero
        if wait > .zero { try await time.sleep(for: wait) }
    }
}
