import NIOSSL
import ReleaseDefinition
import Synchronization
import Testing

@testable import Effects

@Suite("HTTP in the clear: bounds in bytes and time")
struct LiveHTTPTests {
    private func with<Value>(
        limits: HTTPLimits = HTTPLimits(), _ script: @escaping TestServer.Script,
        _ body: (LiveHTTP, String, TestServer) async throws -> Value
    ) async throws -> Value {
        let server = try await TestServer(script: script)
        let http = try LiveHTTP(identity: nil, userAgent: "slipway-test/1", limits: limits)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(http, "http://127.0.0.1:\(server.port)", server))
        } catch { result = .failure(error) }
        await http.shutdown()
        try await server.stop()
        return try result.get()
    }

    private func code(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch let error as EffectsError {
            #expect(!error.remedy.isEmpty && !error.summary.isEmpty)
            return error.code
        } catch { return "\(type(of: error))" }
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello"

    @Test("A request carries method, headers, body and user agent; any status is an answer")
    func exchange() async throws {
        try await with({ _ in [.send("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX-A: b\r\n\r\nno")] }) {
            http, url, server in
            let response = try await http.send(
                HTTPRequest(
                    "POST", url + "/a?b=c", headers: [HTTPField("If-None-Match", "\"1\"")], body: Array("hi".utf8)))
            #expect(response.status == 404 && response.head["x-a"] == "b")
            #expect(response.body == Array("no".utf8))
            let request = try #require(server.requests.first).lowercased()
            #expect(request.hasPrefix("post /a?b=c http/1.1\r\n") && request.hasSuffix("\r\n\r\nhi"))
            for header in ["user-agent: slipway-test/1", "if-none-match: \"1\"", "content-length: 2"] {
                #expect(request.contains(header))
            }
        }
    }

    @Test("A redirect is handed back, not followed")
    func redirect() async throws {
        try await with({ _ in [.send("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")] }) {
            http, url, server in
            let response = try await http.send(HTTPRequest("GET", url))
            #expect(response.status == 302)
            #expect(server.requests.count == 1)
        }
    }

    @Test("A body larger than allowed is refused, whether it is announced or not")
    func bodyTooLarge() async throws {
        try await with({ request in
            request.hasPrefix("GET /announced")
                ? [.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")]
                : [.send("HTTP/1.1 200 OK\r\n\r\n"), .repeated(String(repeating: "x", count: 10_000), count: 100_000)]
        }) { http, url, server in
            let announced = await code {
                _ = try await http.send(HTTPRequest("GET", url + "/announced", responseSizeMax: ByteCount(1000)))
            }
            #expect(announced == "effects.http.bodyTooLarge")
            let endless = await code {
                _ = try await http.send(HTTPRequest("GET", url, responseSizeMax: ByteCount(50_000)))
            }
            #expect(endless == "effects.http.bodyTooLarge")
            #expect(server.bytesOut < 100 << 20)
        }
    }

    @Test(
        "An answer that does not come, or does not end, is given up at the deadline",
        arguments: ["", "HTTP/1.1 200 OK\r\n\r\nx"])
    func timeout(start: String) async throws {
        try await with({ _ in [.send(start), .pause(60_000)] }) { http, url, _ in
            let startedAt = ContinuousClock.now
            let found = await code { _ = try await http.send(HTTPRequest("GET", url, timeout: .milliseconds(300))) }
            #expect(found == "effects.http.timeout")
            #expect(startedAt.duration(to: .now) < .seconds(45))
        }
    }

    @Test("A server that says 100 Continue for ever is given up at the deadline, in every way of asking")
    func continues() async throws {
        try await with({ _ in [.repeated("HTTP/1.1 100 Continue\r\n\r\n", count: .max)] }) { http, url, _ in
            let request = HTTPRequest("GET", url, timeout: .milliseconds(300))
            #expect(await code { _ = try await http.send(request) } == "effects.http.timeout")
            #expect(
                await code { try await http.download(request, head: { _ in }, receive: { _ in }) }
                    == "effects.http.timeout")
            #expect(
                await code { for try await _ in http.events(request, silenceMax: .minutes(5)) {} }
                    == "effects.http.timeout")
        }
    }

    @Test("A body that trickles is given up long before the deadline")
    func stalled() async throws {
        var limits = HTTPLimits()
        limits.window = .milliseconds(200)
        limits.windowBytesMin = 1000
        try await with(
            limits: limits,
            { _ in
                [.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")]
                    + (0..<1000).flatMap { _ in [TestServer.Step.send("x"), .pause(20)] }
            }
        ) { http, url, _ in
            let found = await code { _ = try await http.send(HTTPRequest("GET", url, timeout: .seconds(60))) }
            #expect(found == "effects.http.stalled")
        }
    }

    @Test("A body cut short is an error, never a short answer")
    func cutShort() async throws {
        try await with({ _ in [.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), .close] }) {
            http, url, _ in
            #expect(await code { _ = try await http.send(HTTPRequest("GET", url)) } == "effects.http.closed")
        }
    }

    @Test("Something that does not speak HTTP is told so")
    func notHTTP() async throws {
        try await with({ _ in [.send("SSH-2.0-OpenSSH_9.2\r\n"), .pause(1000)] }) { http, url, _ in
            #expect(await code { _ = try await http.send(HTTPRequest("GET", url)) } == "effects.http.protocol")
        }
    }

    @Test("No server, no name and no address are told apart from each other")
    func unreachable() async throws {
        try await with({ _ in [] }) { http, url, server in
            // Nobody listens on port 1; a port that was free a moment ago may be another test's by now.
            #expect(
                await code { _ = try await http.send(HTTPRequest("GET", "http://127.0.0.1:1")) }
                    == "effects.http.unreachable")
            #expect(
                await code { _ = try await http.send(HTTPRequest("GET", "http://no-such-host.invalid/")) }
                    == "effects.http.unreachable")
            let bads = [
                "", "no address", "ftp://127.0.0.1/", "http://", "file:///etc/passwd", "http://a b/",
                "http://127.0.0.1:99999/", "http://[::1]:65536/", "http://127.0.0.1:0/", "http://u:p@127.0.0.1:99999/",
            ]
            for bad in bads {
                #expect(await code { _ = try await http.send(HTTPRequest("GET", bad)) } == "effects.http.url", "\(bad)")
            }
            #expect(
                await code { _ = try await http.send(HTTPRequest("GET", "https://127.0.0.1:\(server.port)")) }
                    == "effects.http.tls.untrusted")
        }
    }

    @Test("A download passes its head, then its pieces; a slow reader holds the sender back")
    func backPressure() async throws {
        let piece = String(repeating: "p", count: 64 << 10)
        try await with({ _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: \(1000 * (64 << 10))\r\n\r\n"), .repeated(piece, count: 1000)]
        }) { http, url, server in
            let seen = Mutex((bytes: 0, status: 0, ahead: 0))
            try await http.download(
                HTTPRequest("GET", url, responseSizeMax: ByteCount(100 << 20), timeout: .seconds(60)),
                head: { head in seen.withLock { $0.status = head.status } },
                receive: { bytes in
                    if seen.withLock({ $0.bytes }) < 1 << 20 { try await Task.sleep(for: .milliseconds(2)) }
                    seen.withLock { seen in
                        seen.bytes += bytes.count
                        if seen.bytes < 1 << 20 { seen.ahead = max(seen.ahead, server.bytesOut - seen.bytes) }
                    }
                })
            seen.withLock { seen in
                #expect(seen.status == 200 && seen.bytes == 1000 * (64 << 10))
                // Socket buffers on both sides, and a few pieces between.
                #expect(seen.ahead < 16 << 20)
            }
        }
    }

    @Test("An error of the receiver comes back as it is and ends the transfer")
    func receiversError() async throws {
        struct Full: Error {}
        try await with({ _ in [.send(Self.ok)] }) { http, url, _ in
            await #expect(throws: Full.self) {
                try await http.download(HTTPRequest("GET", url), head: { _ in }, receive: { _ in throw Full() })
            }
            await #expect(throws: Full.self) {
                try await http.download(HTTPRequest("GET", url), head: { _ in throw Full() }, receive: { _ in })
            }
        }
    }

    @Test("A cancelled request ends as cancelled")
    func cancelled() async throws {
        try await with({ _ in [] }) { http, url, server in
            let task = Task { try await http.send(HTTPRequest("GET", url, timeout: .seconds(60))) }
            try await eventually { !server.requests.isEmpty }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}
