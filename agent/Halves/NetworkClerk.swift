import AgentProtocol
import Effects
import Logging
import ReleaseDefinition

/// Answers the root half's questions, several at a time, for as long as the connection lasts.
actor NetworkClerk {
    private struct Open {
        var task: Task<Void, Never>
        var next: AsyncStream<Void>.Continuation
    }

    private static let openMax = 64
    private static let bodySizeMax = ByteCount(64 << 20)

    private let connection: LocalSocket
    private let host: any HTTPDoor
    private let repository: any HTTPDoor
    private let local: any HTTPDoor
    private let keeper: (any StandingKeeper)?
    private let log: Logger
    private var open: [Int64: Open] = [:]

    init(
        connection: LocalSocket, host: any HTTPDoor, repository: (any HTTPDoor)? = nil, local: any HTTPDoor,
        keeper: (any StandingKeeper)?, log: Logger
    ) {
        self.connection = connection
        self.host = host
        self.repository = repository ?? host
        self.local = local
        self.keeper = keeper
        self.log = log
    }

    /// Returns when the root half closes.
    func work() async throws {
        defer { for one in open.values { one.task.cancel() } }
        while let message = try await connection.receive() {
            take(try HalfQuestion(parsing: message.bytes), message.file)
        }
    }

    private func take(_ question: HalfQuestion, _ file: OpenFile?) {
        switch question {
        case .begin: break
        case .standing(let standing): keeper?.heard(standing)
        case .end(let id): open.removeValue(forKey: id)?.task.cancel()
        case .next(let id): open[id]?.next.yield()
        case .http(let id, let request):
            begin(id) { _ in try await self.fetch(id, request, file) }
        case .events(let id, let request, let silenceMax):
            begin(id) { try await self.listen(id, request, silenceMax, $0) }
        case .reach(let id, let address, let timeout):
            begin(id) { _ in
                let answer: HalfAnswer.Reach =
                    switch try await TCPReach.ask(address, timeout: timeout) {
                    case .taken: .taken
                    case .refused: .refused
                    case .unreachable(let why): .unreachable(why: why)
                    }
                try self.connection.send(HalfAnswer.reached(id: id, answer: answer).bytes)
            }
        }
    }

    private func begin(
        _ id: Int64, _ answer: @escaping @Sendable (_ nexts: AsyncStream<Void>) async throws -> Void
    ) {
        let (nexts, next) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        guard open[id] == nil, open.count < Self.openMax else {
            return fail(
                id, AgentError(code: "half.busy", summary: "Too much is asked at once.", remedy: "It is asked again."))
        }
        let task = Task {
            do { try await answer(nexts) } catch { if !Task.isCancelled { fail(id, error) } }
            open.removeValue(forKey: id)
        }
        open[id] = Open(task: task, next: next)
    }

    private func fail(_ id: Int64, _ error: any Error) {
        do { try connection.send(HalfAnswer.failed(id: id, cut: ReportedError(error)).bytes) } catch {
            // It does not read: whatever it waits for, it will not get. The loop above sees the end.
            connection.close()
        }
    }

    nonisolated private func door(_ request: HalfRequest) -> any HTTPDoor {
        switch request.door {
        case .host: host
        case .repository: repository
        case .local: local
        }
    }

    nonisolated private func live(_ request: HalfRequest, _ body: OpenFile?) throws -> HTTPRequest {
        HTTPRequest(
            request.method, request.url, headers: request.headers.map { HTTPField($0.name, $0.value) },
            body: try body?.readReceived(sizeMax: Self.bodySizeMax), responseSizeMax: request.sizeMax,
            timeout: request.timeout)
    }

    nonisolated private func fetch(_ id: Int64, _ request: HalfRequest, _ body: OpenFile?) async throws {
        let connection = connection
        // The last reference of the writing end goes with this block: the reader then sees the end of the body.
        try await {
            let pipe = try BodyPipe.make()
            let (reader, writer) = (pipe.reader, pipe.writer)
            try await self.door(request).download(
                try self.live(request, body),
                head: { head in
                    let headers = head.headers.map { HalfHeader(name: $0.name, value: $0.value) }
                    try connection.send(HalfAnswer.head(id: id, status: head.status, all: headers).bytes, reader)
                },
                receive: { piece in try await writer.sendPiece(piece) })
        }()
        try connection.send(HalfAnswer.whole(id: id).bytes)
    }

    nonisolated private func listen(
        _ id: Int64, _ request: HalfRequest, _ silenceMax: TimeSpan, _ nexts: AsyncStream<Void>
    ) async throws {
        var events = door(request).events(try live(request, nil), silenceMax: silenceMax).makeAsyncIterator()
        for await _ in nexts {
            guard let event = try await events.next() else {
                throw EffectsError(
                    code: "http.closed", summary: "\(request.url): the stream ended.", remedy: "It is opened anew.")
            }
            let data = try OpenFile.inMemory(Array(event.data.utf8))
            try connection.send(HalfAnswer.event(id: id, name: event.name, eventID: event.id).bytes, data)
        }
    }
}
