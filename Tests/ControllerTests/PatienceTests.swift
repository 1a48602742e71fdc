import ControllerAPI
import Effects
import Glibc
import NIOCore
import ReleaseDefinition
import Synchronization
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

    @Test("R45: a connection is closed that does not shake hands, ask, end its head or its body, or ask again")
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

    @Test("HTTP/1.1 is what is agreed on with whoever asks for HTTP/2 first")
    func protocols() async throws {
        let test = try TestController()
        try await test.run { running in
            let protocols = try await LiveProcesses().run(
                ProcessCommand(
                    executable: "/usr/bin/openssl",
                    arguments: ["s_client", "-connect", "127.0.0.1:\(running.port)", "-alpn", "h2,http/1.1"],
                    workingDirectory: "/", timeout: .seconds(45)))
            #expect(protocols.output.contains("ALPN protocol: http/1.1"))
        }
    }

    @Test("A body that is dripped byte by byte is refused once its grace is over, by whoever it is sent")
    func drippedBody() async throws {
        let test = try TestController()
        var patience = ConnectionPatience(head: .seconds(30), idle: .seconds(8))
        patience.body = BodyPace(grace: .milliseconds(500), bytesPerSecond: 1000)
        try await test.run(patience: patience) { running in
            let heads = [
                "POST /v1/agent/join HTTP/1.1", "POST /console/sign-in HTTP/1.1",
                "POST /v1/releases?environment=staging HTTP/1.1\\r\\nAuthorization: Bearer \(test.adminToken)\\r\\n"
                    + "Content-Type: \(ReleaseSubmissionType.package.rawValue)",
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for head in heads { group.addTask { try await Self.expectRefusedDrip(running.port, head) } }
                try await group.waitForAll()
            }
        }
    }

    /// It drips for some seconds, and ends when the server closes.
    private static func expectRefusedDrip(_ port: Int, _ head: String) async throws {
        let script = """
            /usr/bin/openssl s_client -quiet -connect 127.0.0.1:\(port) 2>/dev/null < <(
              printf '\(head)\\r\\nHost: x\\r\\nContent-Length: 5000\\r\\n\\r\\n'
              for _ in {1..120}; do printf x; read -rt 0.05 <> <(:); done)
            """
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/bin/bash", arguments: ["-c", script], workingDirectory: "/",
                timeout: .seconds(45)))
        let said = result.output
        #expect(said.contains("408 Request Timeout") && said.contains("controller.request.tooSlow"), "\(said)")
        guard case .exited = result.end else { throw TestFailure("not closed: \(head)") }
    }

    @Test("A body is judged by all that came since its head: a pause is forgiven, a drip is not")
    func bodyPace() throws {
        let pace = BodyPace(grace: .seconds(30), bytesPerSecond: 1000)
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        for (received, seconds, isTaken) in [
            (Int64(0), Int64(30), true), (0, 31, false), (999, 31, false), (1000, 31, true), (1 << 20, 1000, true),
            (60, 60, false),
        ] {
            let now = start + .seconds(seconds)
            if isTaken {
                try pace.check(received, since: start, at: now)
            } else {
                #expect(throws: ControllerError.self) { try pace.check(received, since: start, at: now) }
            }
        }
    }

    @Test("A connection whose peer does not read what it asked for is closed; who reads gets all of it")
    func slowReader() async throws {
        let test = try TestController()
        var patience = ConnectionPatience()
        patience.writing = WritePace(stretch: .seconds(8), bytesPerSecond: 1)
        let path = "blobs/" + String(repeating: "0", count: 64)
        let size = Int64(24 << 20)
        try await test.run(patience: patience) { running in
            let repository = try running.controller.folder.directory.directory(ControllerDirectory.repositoryName)
            try repository.createFile(path).truncate(to: ByteCount(Int(size)))
            let script = """
                import socket, ssl, sys, time
                port, own = \(running.port), None
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                raw.connect(("127.0.0.1", port))
                own = raw.getsockname()[1]
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                tls = context.wrap_socket(raw)
                tls.sendall(b"GET /repository/\(path) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                def is_open():
                    with open("/proc/net/tcp") as table:
                        rows = [line.split() for line in table]
                    ends = (":%04X" % port, ":%04X" % own)
                    return any(r[1].endswith(ends[0]) and r[2].endswith(ends[1]) and r[3] == "01" for r in rows)
                print(tls.recv(15))
                deadline = time.monotonic() + 40
                while is_open() and time.monotonic() < deadline:
                    time.sleep(0.05)
                print("open" if is_open() else "closed")
                """
            let result = try await LiveProcesses().run(
                ProcessCommand(
                    executable: "/usr/bin/python3", arguments: ["-c", script], workingDirectory: "/",
                    timeout: .seconds(60)))
            #expect(result.output == "b'HTTP/1.1 200 OK'\nclosed\n")
            let client = try TestClient(test, running)
            let request = HTTPRequest(
                "GET", client.baseURL + "/repository/\(path)", responseSizeMax: ByteCount(64 << 20))
            #expect(try await client.http.send(request).body.count == Int(size))
            await client.close()
        }
    }

    @Test("Connections beyond the descriptors wait at the kernel, and are served when others have gone")
    func acceptPause() async throws {
        let test = try TestController()
        var patience = ConnectionPatience()
        (patience.connectionsMax, patience.perAddress, patience.head) = (3, 10, .seconds(300))
        try await test.run(patience: patience) { running in
            let sockets = try (1...3).map { _ in try Self.connect(running.port) }
            // What waits at the kernel together is taken together: the three are in before the fourth comes.
            try await eventually {
                let established = try await Self.connections(to: running.port)
                let waiting = try await Self.waiting(at: running.port)
                return established >= 3 && waiting == 0
            }
            let client = try TestClient(test, running, token: test.adminToken)
            let isAnswered = Flag()
            let answer = Task {
                let status = try await client.send("GET", "/v1/hosts").status
                isAnswered.state.withLock { $0 = true }
                return status
            }
            // The kernel has taken the fourth connection, and nobody else has.
            try await eventually { try await Self.connections(to: running.port) >= 4 }
            #expect(!isAnswered.state.withLock { $0 })
            for socket in sockets { close(socket) }
            #expect(try await answer.value == 200)
            await client.close()
        }
    }

    private final class Flag: Sendable { let state = Mutex(false) }

    /// By the kernel's table: how many connections nobody has taken yet, which is what a listening socket has received.
    private static func waiting(at port: Int) async throws -> Int {
        let hex = String(port, radix: 16, uppercase: true)
        let end = String(repeating: "0", count: 4 - hex.count) + hex
        let found = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/grep",
                arguments: ["-E", "^ *[0-9]+: [0-9A-F]+:\(end) [0-9A-F:]+ 0A ", "/proc/self/net/tcp"],
                workingDirectory: "/", timeout: .seconds(20)))
        let queues = try #require(found.output.split(separator: " ").dropFirst(4).first)
        return try #require(Int(queues.drop { $0 != ":" }.dropFirst(), radix: 16))
    }

    /// By the kernel's table: the server's ends.
    private static func connections(to port: Int) async throws -> Int {
        let hex = String(port, radix: 16, uppercase: true)
        let end = String(repeating: "0", count: 4 - hex.count) + hex
        let found = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/grep",
                arguments: ["-cE", "^ *[0-9]+: [0-9A-F]+:\(end) [0-9A-F:]+ 01 ", "/proc/self/net/tcp"],
                workingDirectory: "/", timeout: .seconds(20)))
        return Int(found.output.filter(\.isNumber)) ?? 0
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
