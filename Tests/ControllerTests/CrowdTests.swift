import Effects
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import ReleaseDefinition
import Synchronization
import Testing

@testable import ControllerLibrary

/// Many connections of one address, made by a client of its own over real TLS.
@Suite("One address that would have all connections")
struct CrowdTests {
    private static let python = """
        import socket, ssl, sys, time
        port, deadline = int(sys.argv[1]), time.monotonic() + 45
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        def connect(source):
            raw = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
            return context.wrap_socket(raw)
        def is_open(one):
            one.setblocking(False)
            try:
                while one.recv(65536): pass
                return False
            except (ssl.SSLWantReadError, BlockingIOError): return True
            except OSError: return False

        """

    private static func run(_ script: String, _ running: TestController.Running) async throws -> String {
        let result = try await LiveProcesses().run(
            ProcessCommand(
                executable: "/usr/bin/python3", arguments: ["-c", python + script, "\(running.port)"],
                workingDirectory: "/", timeout: .seconds(60)))
        return result.output
    }

    @Test("One address without credentials does not lock others out, whatever it begins to ask and at whatever route")
    func crowd() async throws {
        let test = try TestController()
        var patience = ConnectionPatience()
        (patience.connectionsMax, patience.perAddress) = (24, 8)
        try await test.run(patience: patience) { running in
            let path = "blobs/" + String(repeating: "0", count: 64)
            let repository = try running.controller.folder.directory.directory(ControllerDirectory.repositoryName)
            try repository.createFile(path).truncate(to: ByteCount(64 << 20))
            let script = """
                body = " HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 60000\\r\\n"
                heads = [
                    "POST /v1/agent/join" + body, "POST /v1/agent/renew" + body, "POST /console/sign-in" + body,
                    "POST /v1/releases?environment=staging" + body + "Authorization: Bearer x\\r\\n",
                    "GET /livez" + body, "GET /repository/\(path) HTTP/1.1\\r\\nHost: x\\r\\n",
                    "GET /v1/authority" + body, "POST /v1/agent/reports" + body]
                held = []
                for number in range(240):
                    try:
                        one = connect("127.0.0.2")
                        one.sendall((heads[number // 30] + "\\r\\n{").encode())
                        held.append(one)
                    except OSError: pass
                print("in")
                for number in range(8):
                    one = connect("127.0.0.1")
                    one.sendall(b"GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                    print(one.recv(15).decode())
                    one.close()
                """
            let said = try await Self.run(script, running)
            #expect(said == "in\n" + String(repeating: "HTTP/1.1 200 OK\n", count: 8))
            let client = try TestClient(test, running, token: test.adminToken)
            #expect(try await client.send("GET", "/v1/hosts").status == 200)
            await client.close()
        }
    }

    @Test("What a person asks is not held against the address; what is left over when it was answered is closed")
    func leftOver() async throws {
        let test = try TestController()
        try await test.run(patience: ConnectionPatience(perAddress: 6)) { running in
            let script = """
                head = ("POST /v1/rollouts/plans HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n"
                    "Authorization: Bearer \(test.adminToken)\\r\\n\\r\\n{")
                held = []
                while len(held) < 12 and time.monotonic() < deadline:
                    try:
                        one = connect("127.0.0.1")
                        one.sendall(head.encode())
                        held.append(one)
                    except OSError: time.sleep(0.02)
                print(len(held))
                for one in held: one.sendall(b"}")
                for one in held: assert one.recv(10).startswith(b"HTTP/1.1 4")
                while sum(map(is_open, held)) > 6 and time.monotonic() < deadline: time.sleep(0.02)
                print(sum(map(is_open, held)))
                """
            let said = try await Self.run(script, running)
            #expect(said == "12\n6\n")
        }
    }

    @Test("One person has so many requests in progress and no more, and has them again when those have gone")
    func perCaller() async throws {
        let test = try TestController()
        var patience = ConnectionPatience()
        patience.perPerson = 2
        try await test.run(patience: patience) { running in
            let script = """
                head = ("POST /v1/rollouts/plans HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n"
                    "Authorization: Bearer \(test.adminToken)\\r\\n\\r\\n{")
                held = [connect("127.0.0.1") for _ in range(3)]
                for one in held: one.sendall(head.encode())
                refused = None
                while refused is None and time.monotonic() < deadline:
                    for one in held:
                        one.settimeout(0.05)
                        try: refused, one = one.recv(30), held.remove(one)
                        except OSError: pass
                        if refused: break
                print(refused.decode().splitlines()[0], len(held), flush=True)
                """
            let said = try await Self.run(script, running)
            #expect(said == "HTTP/1.1 429 Too Many Requests 2\n")
            // Those two have gone with their program.
            let person = try TestClient(test, running, token: test.adminToken)
            try await eventually { try await person.send("GET", "/v1/hosts").status == 200 }
            await person.close()
        }
    }

    @Test("Who asks again and again without reading an answer is closed, and the next is served")
    func pipelined() async throws {
        let test = try TestController()
        try await test.run { running in
            let script = """
                one = connect("127.0.0.2")
                asked = b"GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
                one.sendall(asked * 3000)
                answers, piece = b"", b"x"
                while piece and time.monotonic() < deadline:
                    try: piece = one.recv(65536)
                    except OSError: piece = b""
                    answers += piece
                print(piece == b"" and answers.count(b"HTTP/1.1 200") < 100)
                two = connect("127.0.0.2")
                for _ in range(3):
                    two.sendall(asked)
                    answer = b""
                    while not answer.endswith(b"ok\\n"): answer += two.recv(65536)
                    print(answer[:15])
                """
            let said = try await Self.run(script, running)
            #expect(said == "True\n" + String(repeating: "b'HTTP/1.1 200 OK'\n", count: 3))
        }
    }

    @Test("A body in chunks of a byte each arrives whole, and what comes after it is answered")
    func chunks() async throws {
        let test = try TestController()
        try await test.run { running in
            let script = """
                one = connect("127.0.0.2")
                body = b'{"token": "' + b"a" * 3000 + b'"}'
                head = b"POST /v1/agent/join HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
                chunks = b"".join(b"1\\r\\n" + bytes([byte]) + b"\\r\\n" for byte in body)
                one.sendall(head + chunks + b"0\\r\\n\\r\\n")
                print(one.recv(65536)[:12])
                one.sendall(b"GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                answer = b""
                while not answer.endswith(b"ok\\n"): answer += one.recv(65536)
                print(answer[-3:])
                """
            let said = try await Self.run(script, running)
            #expect(said == "b'HTTP/1.1 400'\nb'ok\\n'\n")
        }
    }

    @Test("Of what nobody takes, a connection holds a few dozen KiB: the rest of the body stays with its sender")
    func untaken() async throws {
        let test = try TestController()
        var patience = ConnectionPatience()
        patience.writing = WritePace(stretch: .seconds(120), bytesPerSecond: 1)
        let path = "blobs/" + String(repeating: "0", count: 64)
        try await test.run(patience: patience) { running in
            let repository = try running.controller.folder.directory.directory(ControllerDirectory.repositoryName)
            try repository.createFile(path).truncate(to: ByteCount(64 << 20))
            // What was sent and is in neither kernel queue is the server's. A server that is slow holds less.
            let script = """
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                raw.connect(("127.0.0.1", port))
                own = raw.getsockname()[1]
                tls = context.wrap_socket(raw)
                head = b"GET /repository/\(path) HTTP/1.1\\r\\nHost: x\\r\\n"
                tls.sendall(head + b"Transfer-Encoding: chunked\\r\\n\\r\\n")
                tls.setblocking(False)
                def queued(local, remote, part):
                    with open("/proc/net/tcp") as table: rows = [line.split() for line in table]
                    ends = (":%04X" % local, ":%04X" % remote)
                    return [int(r[4].split(":")[part], 16) for r in rows
                        if r[1].endswith(ends[0]) and r[2].endswith(ends[1])][0]
                chunk, offset, sent, refused = b"4000\\r\\n" + b"a" * 16384 + b"\\r\\n", 0, 0, 0
                while refused < 20 and time.monotonic() < deadline:
                    try:
                        count = tls.send(chunk[offset:])
                        offset, sent, refused = (offset + count) % len(chunk), sent + count, 0
                    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                        refused += 1
                        time.sleep(0.05)
                held = sent - queued(own, port, 0) - queued(port, own, 1)
                print("some" if held < 128 << 10 else held, refused)
                """
            let said = try await Self.run(script, running)
            #expect(said == "some 20\n")
        }
    }

    @Test("Who takes a large answer slowly, but takes it, is not closed: a write counts piece by piece")
    func slowTaker() async throws {
        let test = try TestController()
        var patience = ConnectionPatience()
        patience.writing = WritePace(stretch: .seconds(2), bytesPerSecond: 1 << 10)
        let path = "blobs/" + String(repeating: "0", count: 64)
        try await test.run(patience: patience) { running in
            let repository = try running.controller.folder.directory.directory(ControllerDirectory.repositoryName)
            try repository.createFile(path).truncate(to: ByteCount(64 << 20))
            // It reads slowly all along, and the buffers of the kernel are full from the start. The kernel takes more when half
            // of what it keeps unsent has gone (32 KiB): an eighth of a second here, of the two that count, so that a peer that
            // a busy machine keeps waiting is none that does not read. A third of megabytes would take longer than they.
            let script = """
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                raw.connect(("127.0.0.1", port))
                own = raw.getsockname()[1]
                tls = context.wrap_socket(raw)
                tls.sendall(b"GET /repository/\(path) HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                def is_established():
                    with open("/proc/net/tcp") as table: rows = [line.split() for line in table]
                    ends = (":%04X" % port, ":%04X" % own)
                    return any(r[1].endswith(ends[0]) and r[2].endswith(ends[1]) and r[3] == "01" for r in rows)
                start, taken = time.monotonic(), 0
                while time.monotonic() < start + 8 and is_established():
                    taken += len(tls.recv(4096))
                    time.sleep(max(0, start + taken / 262144 - time.monotonic()))
                print("open" if is_established() else "closed after %d" % taken)
                """
            let said = try await Self.run(script, running)
            #expect(said == "open\n")
        }
    }

    @Test("A body is not read ahead of its connection: a piece waits until the one before has come to the event loop")
    func readAhead() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let hasBegun = Mutex(false)
        let pieces = Mutex(0)
        let body = ResponseBody { writer in
            hasBegun.withLock { $0 = true }
            for _ in 1...1000 { try await writer.write(ByteBuffer(string: "piece")) }
            try await writer.finish(nil)
        }
        // The loop is busy elsewhere, for as long as it would take to write all of them.
        let meanwhile = loop.submit {
            while !hasBegun.withLock({ $0 }) {}
            let deadline = NIODeadline.now() + .milliseconds(300)
            while NIODeadline.now() < deadline, pieces.withLock({ $0 }) < 1000 {}
            return pieces.withLock { $0 }
        }
        try await body.paced(by: loop).write(PieceWriter { _ in pieces.withLock { $0 += 1 } })
        #expect(try await meanwhile.get() == 0)
        #expect(pieces.withLock { $0 } == 1000)
    }

    @Test("A long answer is written piece by piece, each when the one before has come to the event loop")
    func pieceByPiece() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let pieces = Mutex<[Int]>([])
        let body = ResponseBody(byteBuffer: ByteBuffer(repeating: 1, count: 600 << 10))
        try await body.paced(by: loop).write(
            PieceWriter { piece in pieces.withLock { $0.append(piece.readableBytes) } })
        #expect(pieces.withLock { $0 } == Array(repeating: 60 << 10, count: 10))
    }

    @Test("The description of the API is in memory once, however many are being sent it")
    func described() async throws {
        let test = try TestController()
        try await test.run { running in
            let table = try RouteTable(ControllerRoutes.all(running.controller))
            let route = try #require(table.match(.get, "/openapi.yaml").route)
            let head = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/openapi.yaml")
            let request = RouteRequest(
                request: Request(head: head, body: RequestBody(buffer: ByteBuffer())), caller: .anyone, parameters: [:],
                bodySizeMax: route.bodySizeMax, pace: BodyPace(),
                closed: MultiThreadedEventLoopGroup.singleton.next().makeSucceededVoidFuture())
            let places = Mutex<[UInt]>([])
            for _ in 0..<2 {
                try await route.respond(request).body.write(
                    PieceWriter { piece in
                        let place = piece.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
                        places.withLock { $0.append(place) }
                    })
            }
            let seen = places.withLock { $0 }
            #expect(seen.count == 2 && Set(seen).count == 1)
        }
    }
}

private struct PieceWriter: ResponseBodyWriter {
    let note: @Sendable (ByteBuffer) -> Void

    func write(_ buffer: ByteBuffer) async throws { note(buffer) }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
