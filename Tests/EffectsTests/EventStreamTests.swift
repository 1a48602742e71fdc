import ReleaseDefinition
import Testing

@testable import Effects

@Suite("Event streams")
struct EventStreamTests {
    private static let text = """
        \u{FEFF}: a comment
        event: order
        id: 1
        data: {"a":
        data:  1}

        data
        retry: 10
        unknown: x

        id: 2
        event: none

        event: order
        data: second\r
        \r
        data: lost, as no blank line follows

        """
    private static let events = [
        ServerSentEvent(id: "1", name: "order", data: "{\"a\":\n 1}"),
        ServerSentEvent(id: "1", name: "message", data: ""),
        ServerSentEvent(id: "2", name: "order", data: "second"),
        ServerSentEvent(id: "2", name: "message", data: "lost, as no blank line follows"),
    ]

    @Test("Events come out whole however the bytes were cut", arguments: 1...7)
    func pieces(size: Int) throws {
        var parser = ServerSentEventParser(sizeMax: 1000)
        let bytes = Array(Self.text.utf8)
        var events: [ServerSentEvent] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += try parser.parse(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(events == Array(Self.events.dropLast()))
        #expect(try parser.parse(Array("\n".utf8)) == [Self.events[3]])
    }

    @Test("A line or an event without end is refused in bounded memory")
    func tooLarge() throws {
        var parser = ServerSentEventParser(sizeMax: 100)
        #expect(throws: EffectsError.self) { _ = try parser.parse(Array(repeating: UInt8(ascii: "x"), count: 101)) }
        var second = ServerSentEventParser(sizeMax: 100)
        #expect(throws: EffectsError.self) {
            for _ in 0..<20 { _ = try second.parse(Array("data: 0123456789\n".utf8)) }
        }
    }

    private func collect(
        _ steps: [TestServer.Step], silenceMax: TimeSpan = .seconds(60), limits: HTTPLimits = HTTPLimits()
    ) async throws -> (events: [ServerSentEvent], code: String) {
        let server = try await TestServer { _ in steps }
        let http = try LiveHTTP(identity: nil, userAgent: "t", limits: limits)
        var events: [ServerSentEvent] = []
        var code = ""
        do {
            let stream = http.events(HTTPRequest("GET", "http://127.0.0.1:\(server.port)"), silenceMax: silenceMax)
            for try await event in stream { events.append(event) }
        } catch let error as EffectsError { code = error.code }
        await http.shutdown()
        try await server.stop()
        return (events, code)
    }

    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    @Test("Events arrive as they are sent, and the server's close is an error")
    func stream() async throws {
        let found = try await collect([
            .send(Self.head), .send("data: 1\n\n"), .pause(50), .send("data: 2\n\n"), .close,
        ])
        #expect(found.events.map(\.data) == ["1", "2"])
        #expect(found.code == "effects.http.closed")
    }

    @Test("Silence ends a stream; any byte, a comment too, breaks it")
    func silence() async throws {
        let beats = (0..<60).flatMap { _ in [TestServer.Step.send(":\n"), .pause(100)] }
        let found = try await collect(
            [.send(Self.head)] + beats + [.send("data: 1\n\n"), .pause(60_000)], silenceMax: .seconds(5))
        #expect(found.events.map(\.data) == ["1"])
        #expect(found.code == "effects.http.silent")
    }

    @Test("An answer that is no stream is an error that names the status")
    func noStream() async throws {
        #expect(
            try await collect([.send("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")]).code == "effects.http.status")
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
        #expect(try await collect([.send(page)]).code == "effects.http.status")
    }

    @Test("An event larger than allowed ends the stream")
    func largeEvent() async throws {
        var limits = HTTPLimits()
        limits.eventSizeMax = 1000
        let flood = TestServer.Step.repeated(String(repeating: "x", count: 100), count: 1000)
        #expect(try await collect([.send(Self.head), flood], limits: limits).code == "effects.http.eventTooLarge")
    }

    @Test("A slow reader holds the sender back, gets every event, and is not taken for a silent peer")
    func slowReader() async throws {
        let count = 3000
        let server = try await TestServer { _ in
            [.send(Self.head)]
                + (0..<count).map { .send("data: \($0) \(String(repeating: "x", count: 10_000))\n\n") } + [.close]
        }
        let http = try LiveHTTP(identity: nil, userAgent: "t")
        let stream = http.events(
            HTTPRequest("GET", "http://127.0.0.1:\(server.port)"), silenceMax: .seconds(5))
        var numbers: [Int] = []
        do {
            for try await event in stream {
                if numbers.count == 1 {
                    try await Task.sleep(for: .seconds(6))
                    #expect(server.bytesOut < 20 << 20)
                }
                numbers.append(Int(event.data.prefix { $0 != " " }) ?? -1)
            }
        } catch let error as EffectsError {
            // A busy machine may take longer to close than a peer may be silent; by then every event is here.
            #expect(["effects.http.closed", "effects.http.silent"].contains(error.code))
        }
        #expect(numbers == Array(0..<count))
        await http.shutdown()
        try await server.stop()
    }

    @Test("A cancelled reader ends as cancelled")
    func cancelledReader() async throws {
        let server = try await TestServer { _ in [.send(Self.head), .pause(60_000)] }
        let http = try LiveHTTP(identity: nil, userAgent: "t")
        let task = Task {
            for try await _ in http.events(
                HTTPRequest("GET", "http://127.0.0.1:\(server.port)"), silenceMax: .seconds(60))
            {}
        }
        try await eventually { !server.requests.isEmpty }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await http.shutdown()
        try await server.stop()
    }

    @Test("Who drops the stream closes the connection")
    func dropped() async throws {
        let server = try await TestServer { _ in
            [.send(Self.head), .repeated("data: \(String(repeating: "x", count: 1000))\n\n", count: 1_000_000)]
        }
        let http = try LiveHTTP(identity: nil, userAgent: "t")
        let stream = http.events(HTTPRequest("GET", "http://127.0.0.1:\(server.port)"), silenceMax: .seconds(60))
        for try await event in stream {
            #expect(event.data.utf8.count == 1000)
            break
        }
        await http.shutdown()
        try await server.stop()
    }
}
