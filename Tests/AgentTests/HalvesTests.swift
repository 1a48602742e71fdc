import AgentProtocol
import Effects
import Glibc
import Logging
import ReleaseDefinition
import Synchronization
import Testing

@testable import AgentLibrary

@Suite("Two halves: the root half believes nothing that the network half says")
struct HalvesTests {
    @Test("Both programs together install a release, and again after either was killed")
    func programs() async throws {
        let repository = try TestRepository()
        let baseline = try await TestHost.baseline(repository)
        let new = try await repository.submit("2.0")
        let server = try await WebServer(repository)
        let agent = try await RealAgent(copying: baseline, repository: server.url)
        let network = try agent.startNetworkHalf()
        let root = try agent.start(halves: true)
        try repository.publish(repository.assignment(2, .install, new))
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(2)) } }
        #expect(try agent.version() == "2.0")

        // The root half alone: it says that nobody fetches for it, and goes on.
        try await agent.kill(network)
        let third = try await repository.submit("3.0")
        try repository.publish(repository.assignment(3, .install, third))
        let next = try agent.startNetworkHalf()
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(3)) } }

        // The network half alone: it waits for the next root half.
        try await agent.kill(root)
        let fourth = try await repository.submit("4.0")
        try repository.publish(repository.assignment(4, .install, fourth))
        let second = try agent.start(halves: true)
        _ = try await poll { try agent.state.finished.first { $0.order == (try order(4)) } }
        #expect(try agent.version() == "4.0")
        #expect(try agent.state.finished.suffix(3).allSatisfy { $0.outcome == .succeeded })

        for process in [next, second] { try await agent.kill(process) }
        try await agent.end()
        try await server.end()
    }

    @Test("A body comes through as it was sent, and no header that nobody asked for")
    func body() async throws {
        let halves = try await Halves { head, _ in
            try await head(
                HTTPHead(
                    status: 206, headers: [HTTPField("Content-Range", "bytes 0-1/2"), HTTPField("Set-Cookie", "a=b")]))
            return [UInt8](repeating: 7, count: 300_000)
        }
        let response = try await halves.door.send(HTTPRequest("GET", "https://host.test/x"))
        #expect(response.status == 206)
        #expect(response.head.headers == [HTTPField("Content-Range", "bytes 0-1/2")])
        #expect(response.body == [UInt8](repeating: 7, count: 300_000))
        await #expect(throws: EffectsError.self) {
            try await halves.door.send(HTTPRequest("GET", "https://host.test/x", responseSizeMax: ByteCount(299_999)))
        }
        await halves.end()
    }

    @Test("A question's body reaches the other half; failures keep their code")
    func questionsAndFailures() async throws {
        let halves = try await Halves { _, request in
            throw EffectsError(
                code: "http.tls.untrusted", summary: String(decoding: request.body ?? [], as: UTF8.self), remedy: "none"
            )
        }
        do {
            _ = try await halves.door.send(HTTPRequest("POST", "https://host.test/x", body: Array("sent".utf8)))
            Issue.record("it failed there")
        } catch let error as EffectsError {
            #expect(error.code == "effects.http.tls.untrusted")
            #expect(error.summary == "sent")
        }
        await halves.end()
    }

    @Test("A question that is given up ends in the other half as well")
    func cancelled() async throws {
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let halves = try await Halves { _, _ in
            begin.yield()
            defer { end.yield() }
            try await SystemTime().sleep(for: .seconds(600))
            return []
        }
        let door = halves.door
        let asking = Task { try await door.send(HTTPRequest("GET", "https://host.test/x")) }
        for await _ in begun { break }
        asking.cancel()
        for await _ in ended { break }
        await #expect(throws: CancellationError.self) { _ = try await asking.value }
        await halves.end()
    }

    @Test(
        "A network half that lies or babbles is dismissed, and the next one is served",
        arguments: [
            "", "{", "[]", #"{"ready":{"number":2}}"#, #"{"whole":{"id":1}}"#,
            #"{"head":{"id":1,"status":200,"headers":[]}}"#, #"{"head":{"id":1,"status":99,"headers":[]}}"#,
            #"{"event":{"id":1,"name":"assignment"}}"#, #"{"reached":{"id":1,"answer":{"taken":{}}}}"#,
            #"{"failed":{"id":1,"error":{"code":"x","summary":"y","remedy":"z"}}}"#, "file",
        ])
    func liar(says words: String) async throws {
        let halves = try await Halves(connected: false) { head, _ in
            try await head(HTTPHead(status: 200, headers: []))
            return Array("honest".utf8)
        }
        let door = halves.door
        let asking = Task { try await door.send(HTTPRequest("GET", "https://host.test/x", timeout: .seconds(20))) }
        let liar = try LocalSocket.connect(halves.path)
        _ = try await liar.receive()
        try liar.send(HalfAnswer.ready(number: HalfSettings.protocolNumber).bytes)
        let id = try await Self.id(askedOf: liar)
        // A file where a pipe must be: it could be read for ever, or change while it is read.
        let file: OpenFile? = words == "file" ? try OpenFile.inMemory([1]) : nil
        let text = words == "file" ? #"{"head":{"id":1,"status":200,"headers":[]}}"# : words
        let whole = text.replacing(#""id":1,"#, with: #""id":\#(id),"#).replacing(#""id":1}"#, with: #""id":\#(id)}"#)
        if text.isEmpty { liar.close() } else { try liar.send(Array(whole.utf8), file) }
        do {
            _ = try await asking.value
            Issue.record("a liar was believed")
        } catch let error as EffectsError {
            #expect(error.code.hasPrefix("effects.http."), "\(error)")
        }
        liar.close()
        try halves.connect()
        let answer = try await door.send(HTTPRequest("GET", "https://host.test/x"))
        #expect(answer.body == Array("honest".utf8))
        await halves.end()
    }

    @Test("Who floods a question with answers, or connects as another user, is dismissed")
    func flood() async throws {
        let halves = try await Halves(connected: false) { _, _ in [] }
        let door = halves.door
        let asking = Task { try await door.send(HTTPRequest("GET", "https://host.test/x", timeout: .seconds(20))) }
        let liar = try LocalSocket.connect(halves.path)
        _ = try await liar.receive()
        try liar.send(HalfAnswer.ready(number: HalfSettings.protocolNumber).bytes)
        let id = try await Self.id(askedOf: liar)
        let pipe = try BodyPipe.make()
        try liar.send(HalfAnswer.head(id: id, status: 200, headers: []).bytes, pipe.reader)
        // Until the root half has had enough.
        #expect(throws: EffectsError.self) {
            while true { try liar.send(HalfAnswer.whole(id: id).bytes) }
        }
        await halves.end()
        asking.cancel()
        _ = try? await asking.value

        let closed = try await Halves(connected: false, user: 4_000_000_000) { _, _ in [] }
        let stranger = try LocalSocket.connect(closed.path)
        #expect(try await stranger.receive() == nil, "a stranger hears nothing")
        await closed.end()
    }

    @Test(
        "Nobody but the network half's user may connect: the kernel refuses others",
        .enabled(if: SystemUser.current == 0, "only root may give a socket away"))
    func owner() throws {
        let folder = try TemporaryFolder()
        let listener = try LocalListener(folder.path + "/socket", user: 4_000_000)
        var status = stat()
        #expect(lstat(folder.path + "/socket", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600 && status.st_uid == 4_000_000)
        withExtendedLifetime(listener) {}
    }

    @Test("However often somebody connects who is not served, ten lines a minute say so, and the next how many did not")
    func loudStrangers() async throws {
        let folder = try TemporaryFolder()
        let time = ManualTime(now: SystemTime().now())
        let lines = Mutex<[Logger.Metadata]>([])
        let log = Logger(label: "test", factory: { _ in LineLog { line in lines.withLock { $0.append(line) } } })
        let link = NetworkLink(
            settings: HalfSettings(host: TestHost.name, controller: nil, machine: "", boot: ""), user: 4_000_000,
            time: time, log: log)
        let listener = try LocalListener(folder.path + "/socket")
        let serving = Task { await link.serve(listener) }
        func knock(_ count: Int) async throws {
            for _ in 1...count {
                let stranger = try LocalSocket.connect(folder.path + "/socket")
                #expect(try await stranger.receive() == nil)
            }
        }
        try await knock(100)
        #expect(lines.withLock { $0.count } == 10)
        time.advance(by: .minutes(1))
        try await knock(2)
        #expect(lines.withLock { $0.dropFirst(10).map { "\($0["unsaid"] ?? "")" } } == ["90", ""])
        serving.cancel()
        await serving.value
    }

    @Test("However often the network half connects, one of them is served and one may say who it is, for five seconds")
    func crowd() async throws {
        let time = ManualTime(now: SystemTime().now())
        let halves = try await Halves(connected: false, time: time) { head, _ in
            try await head(HTTPHead(status: 200, headers: []))
            return Array("honest".utf8)
        }
        var liars: [LocalSocket] = []
        for _ in 1...100 {
            let liar = try LocalSocket.connect(halves.path)
            // It is asked who it is, and says nothing.
            #expect(try await liar.receive() != nil)
            liars.append(liar)
        }
        for liar in liars.dropLast() { #expect(try await liar.receive() == nil) }
        // The one that listens, and one connection.
        _ = try await poll { try Self.sockets(at: halves.path) <= 2 ? true : nil }
        let last = try #require(liars.last)
        let isClosed = Mutex(false)
        let end = Task {
            let message = try await last.receive()
            isClosed.withLock { $0 = true }
            return message == nil
        }
        _ = try await poll {
            time.advance(by: .seconds(1))
            return isClosed.withLock { $0 } ? true : nil
        }
        #expect(try await end.value)
        try halves.connect()
        let answer = try await halves.door.send(HTTPRequest("GET", "https://host.test/x"))
        #expect(answer.body == Array("honest".utf8))
        // Who is served stays, whoever else comes.
        let liar = try LocalSocket.connect(halves.path)
        _ = try await liar.receive()
        #expect(try await halves.door.send(HTTPRequest("GET", "https://host.test/x")).body == Array("honest".utf8))
        await halves.end()
    }

    /// Of the root half's side, by the kernel's table.
    private static func sockets(at path: String) throws -> Int {
        let table = try Directory.open("/proc/self/net").read("unix", sizeMax: ByteCount(64 << 20))
        return String(decoding: table, as: UTF8.self).split(separator: "\n").count { $0.hasSuffix(path) }
    }

    @Test("A pipe from the other half is opened anew: whoever has the first one cannot make its reader wait")
    func ownPipe() async throws {
        let pipe = try BodyPipe.make()
        _ = fcntl(pipe.reader.descriptor, F_SETFL, 0)
        let received = try pipe.reader.asReceivedPipe()
        #expect(fcntl(pipe.reader.descriptor, F_GETFL) & O_NONBLOCK == 0, "the flag is not the other's")
        _ = fcntl(pipe.reader.descriptor, F_SETFL, 0)
        #expect(fcntl(received.descriptor, F_GETFL) & O_NONBLOCK != 0)
        try await pipe.writer.sendPiece(Array("words".utf8))
        #expect(try await received.receivePiece() == Array("words".utf8))
    }

    @Test("Of files that the other half sends only what nobody can change or hold up is read")
    func sealed() throws {
        let folder = try TemporaryFolder()
        let plain = try Directory.open(folder.path).createFile("plain")
        try plain.write(Array("words".utf8))
        // One in memory that others may still write.
        let name = "slipway-test-\(getpid())"
        let memory = try Directory.open("/dev/shm")
        let open = try memory.createFile(name)
        try memory.removeFile(name)
        try open.write(Array("words".utf8))
        let pipe = try BodyPipe.make()
        for file in [plain, open, pipe.reader] {
            #expect { try file.readReceived(sizeMax: ByteCount(100)) } throws: {
                ($0 as? EffectsError)?.code == "effects.socket.form"
            }
        }
        let good = try OpenFile.inMemory(Array("words".utf8))
        #expect(try good.readReceived(sizeMax: ByteCount(100)) == Array("words".utf8))
        #expect(throws: EffectsError.self) { try good.write(Array("others".utf8)) }
    }

    private static func id(askedOf other: LocalSocket) async throws -> Int64 {
        let message = try #require(try await other.receive())
        guard case .http(let id, _) = try HalfQuestion(parsing: message.bytes) else { throw Unexpected() }
        return id
    }

    struct Unexpected: Error {}
}

/// Both ends of the seam in this process, with one answer to every request.
struct Halves {
    typealias Answer =
        @Sendable (
            _ head: (HTTPHead) async throws -> Void, _ request: HTTPRequest
        ) async throws -> [UInt8]

    let door: RelayedHTTP
    let path: String
    private let folder: TemporaryFolder
    private let serving: Task<Void, Never>
    private let answer: Answer

    init(
        connected: Bool = true, user: UInt32 = SystemUser.current, time: any TimeDoor = SystemTime(),
        answer: @escaping Answer
    ) async throws {
        folder = try TemporaryFolder()
        path = folder.path + "/socket"
        self.answer = answer
        let log = Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) })
        let link = NetworkLink(
            settings: HalfSettings(host: TestHost.name, controller: nil, machine: "", boot: ""), user: user,
            time: time, log: log)
        let listener = try LocalListener(path)
        serving = Task { await link.serve(listener) }
        door = RelayedHTTP(link: link, door: .host, time: SystemTime())
        if connected { try connect() }
    }

    func connect() throws {
        BodyPipe.ignoreBrokenPipes()
        let connection = try LocalSocket.connect(path)
        let answering = AnsweringHTTP(answer: answer)
        let log = Logger(label: "test", factory: { _ in AgentLog(logLevel: .critical) })
        Task {
            _ = try await connection.receive()
            try connection.send(HalfAnswer.ready(number: HalfSettings.protocolNumber).bytes)
            let clerk = NetworkClerk(connection: connection, host: answering, local: answering, keeper: nil, log: log)
            try await clerk.work()
        }
    }

    func end() async {
        serving.cancel()
        await serving.value
    }
}

private struct AnsweringHTTP: HTTPDoor {
    let answer: Halves.Answer

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        throw EffectsError(code: "http.protocol", summary: "never asked", remedy: "")
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let body = try await answer(head, request)
        if !body.isEmpty { try await receive(body) }
    }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}

private struct LineLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    let take: @Sendable (Logger.Metadata) -> Void

    init(_ take: @escaping @Sendable (Logger.Metadata) -> Void) { self.take = take }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { take(event.metadata ?? [:]) }
}
