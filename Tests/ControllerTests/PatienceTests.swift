import Effects
import Glibc
import NIOCore
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Connections that ask nothing")
struct PatienceTests {
    private static let short = ConnectionPatience(head: .milliseconds(600), idle: .milliseconds(400))

    /// A plain TCP connection.
    private static func connect(_ port: Int) throws -> Int32 {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        return socket
    }

    /// Whether the peer has closed.
    private static func isClosed(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN)
    }

    /// What `openssl s_client` does that sends these bytes and then nothing: it ends when the server closes.
    private static func client(_ port: Int, sends text: String, _ more: String = "") async throws -> ProcessResult.End {
        let script = """
            exec /usr/bin/openssl s_client -quiet -connect 127.0.0.1:\(port) \(more) \
            < <(printf '\(text)'; exec sleep 50 2>/dev/null)
            """
        return try await LiveProcesses().run(
            ProcessCommand(
                executable: "/bin/bash", arguments: ["-c", script], workingDirectory: "/", timeout: .seconds(45))
        ).end
    }

    @Test("A connection is closed that does not shake hands, ask, end its head or its body, or ask again")
    func closed() async throws {
        let test = try TestController()
        try await test.run(patience: Self.short) { running in
            let socket = try Self.connect(running.port)
            defer { close(socket) }
            try await eventually { Self.isClosed(socket) }
            let bytes = [
                "", "GET /healthz HTTP/1.1\\r\\nHost: x", "GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
                "POST /v1/agent/join HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 900\\r\\n\\r\\n{",
            ]
            for text in bytes {
                let end = try await Self.client(running.port, sends: text)
                guard case .exited = end else {
                    Issue.record("not closed after \(text.debugDescription): \(end)")
                    continue
                }
            }
            let second = try await Self.client(running.port, sends: "PRI * HTTP/2.0\\r\\n\\r\\nSM", "-alpn h2")
            guard case .exited = second else { throw TestFailure("HTTP/2 is not closed: \(second)") }
        }
    }

    @Test("The stream of a host outlives every patience")
    func streamStays() async throws {
        let test = try TestController()
        let patience = ConnectionPatience(head: .seconds(4), idle: .seconds(2))
        try await test.run(patience: patience) { running in
            let host = try await TestHost.join(test, running, labels: [:])
            let client = try host.client(test, running)
            let reading = Task {
                let request = HTTPRequest("GET", client.baseURL + "/v1/agent/stream")
                for try await _ in client.http.events(request, silenceMax: .seconds(60)) {}
            }
            try await eventually { running.controller.hub.isOnline(host.id) }
            // As long as two connections in a row are waited for.
            for _ in 1...2 {
                let socket = try Self.connect(running.port)
                defer { close(socket) }
                try await eventually { Self.isClosed(socket) }
            }
            #expect(running.controller.hub.isOnline(host.id))
            reading.cancel()
            await client.close()
        }
    }

    @Test("Of one address so many connections wait at once, and no more")
    func perAddress() async throws {
        let test = try TestController()
        try await test.run(patience: ConnectionPatience(perAddress: 2)) { running in
            // Which of the three is one too many is not said: they are taken in by different threads.
            let sockets = try (1...3).map { _ in try Self.connect(running.port) }
            try await eventually { sockets.contains(where: Self.isClosed) }
            #expect(sockets.count(where: Self.isClosed) == 1)
            for socket in sockets { close(socket) }
            let client = try TestClient(test, running, token: test.adminToken)
            try await eventually { (try? await client.send("GET", "/v1/hosts"))?.status == 200 }
            await client.close()
        }
    }
}
