import ReleaseDefinition
import Synchronization
import Testing

@testable import Effects

@Suite("A limit on what downloads take")
struct BandwidthTests {
    /// Gives one body in pieces.
    private struct Pieces: HTTPDoor {
        var sizes: [Int]

        init(_ sizes: [Int]) { self.sizes = sizes }

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            HTTPResponse(
                head: HTTPHead(status: 200, headers: []), body: [UInt8](repeating: 0, count: sizes.reduce(0, +)))
        }

        func download(
            _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
            receive: @escaping @Sendable ([UInt8]) async throws -> Void
        ) async throws {
            try await head(HTTPHead(status: 200, headers: [HTTPField("X-Timeout", "\(request.timeout)")]))
            for size in sizes { try await receive([UInt8](repeating: 0, count: size)) }
        }

        func events(
            _ request: HTTPRequest, silenceMax: TimeSpan
        ) -> AsyncThrowingStream<ServerSentEvent, any Error> { AsyncThrowingStream { $0.finish() } }
    }

    /// Time that passes only by being slept.
    private final class SleptTime: TimeDoor {
        private let slept = Mutex<Int64>(0)
        var total: TimeSpan { .milliseconds(slept.withLock { $0 }) }
        func now() -> UTCInstant { UTCInstant(secondsSince1970: 0) + total }
        func monotonic() -> TimeSpan { total }
        func sleep(for span: TimeSpan) async throws { slept.withLock { $0 += max(0, span.milliseconds) } }
    }

    private func download(_ http: LimitedHTTP, sizeMax: ByteCount = ByteCount(1 << 20)) async throws -> TimeSpan {
        let timeout = Mutex(TimeSpan.zero)
        try await http.download(
            HTTPRequest("GET", "http://x.test/a", responseSizeMax: sizeMax, timeout: .seconds(60)),
            head: { head in
                let span = try TimeSpan(head["X-Timeout"] ?? "")
                timeout.withLock { $0 = span }
            }, receive: { _ in })
        return timeout.withLock { $0 }
    }

    @Test("The bucket lets a second's worth through at once, then the rate, however the bytes are cut")
    func bucket() {
        for piece in [1, 7, 100, 999] {
            var bucket = TokenBucket(rate: ByteCount(1000), at: .seconds(5))
            var now = TimeSpan.seconds(5)
            var taken = 0
            while taken < 10_000 {
                let wait = bucket.take(piece, at: now)
                now = now + wait
                taken += piece
            }
            let seconds = Double(now.milliseconds - 5000) / 1000
            #expect(seconds > 8.5 && seconds < 10.1, "\(piece): \(seconds)")
        }
        var fast = TokenBucket(rate: ByteCount(1 << 30), at: .zero)
        for _ in 0..<10_000 { #expect(fast.take(8192, at: .zero) == .zero) }
        var odd = TokenBucket(rate: ByteCount(0), at: .zero)
        #expect(odd.rate == 1 && odd.take(.max, at: .zero) > .zero)
        #expect(odd.take(.max, at: .milliseconds(.max)) >= .zero)
    }

    @Test("What was saved up while nothing came is a second's worth, no more")
    func idle() {
        var bucket = TokenBucket(rate: ByteCount(1000), at: .zero)
        #expect(bucket.take(1000, at: .hours(1)) == .zero)
        #expect(bucket.take(1000, at: .hours(1)) == .seconds(1))
    }

    @Test("R44: host and order each set one; the lower counts; all transfers share it")
    func limits() async throws {
        let time = SleptTime()
        let http = LimitedHTTP(Pieces([5000, 5000]), limit: ByteCount(10_000), time: time)
        _ = try await download(http)
        #expect(time.total == .zero)
        _ = try await download(http)
        #expect(time.total == .seconds(1))
        http.limit(order: ByteCount(1000))
        _ = try await download(http)
        #expect(time.total == .seconds(10))
        http.limit(order: ByteCount(50_000))
        #expect(http.limit == ByteCount(10_000))
        http.limit(order: nil)
        #expect(http.limit == ByteCount(10_000))
        let free = LimitedHTTP(Pieces([1 << 30]), limit: nil, time: time)
        _ = try await download(free)
        #expect(free.limit == nil && time.total == .seconds(10))
        _ = try await http.send(HTTPRequest("GET", "http://x.test/a"))
        _ = try await http.send(HTTPRequest("GET", "http://x.test/a"))
        #expect(time.total == .seconds(11))
    }

    @Test("A transfer that its own limit makes slow is not given up for that")
    func patience() async throws {
        let time = SleptTime()
        let limited = LimitedHTTP(Pieces([1]), limit: ByteCount(1024), time: time)
        #expect(try await download(limited, sizeMax: ByteCount(1 << 20)) >= .seconds(60 + 1024 * 4))
        #expect(try await download(limited, sizeMax: ByteCount(Int64.max)) > .days(300))
        #expect(try await download(LimitedHTTP(Pieces([1]), limit: nil, time: time)) == .seconds(60))
    }
}
