import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import Synchronization

/// The root half's end of the connection to the network half: it listens in a folder of root's own, takes one connection at
/// a time, of the one user that the network half runs as, and hands each answer to whoever asked.
///
/// What comes is bounded and parsed strictly; the first message that no network half sends ends the connection.
final class NetworkLink: Sendable {
    enum Delivery: Sendable {
        case head(HTTPHead, OpenFile)
        case whole
        case event(ServerSentEvent)
        case reached(TCPReach.Answer)
        case failed(EffectsError)
    }

    /// A question and its answers; nobody waits for more once it goes.
    final class Exchange: Sendable {
        let id: Int64
        fileprivate let deliveries: AsyncStream<Delivery>
        private let link: NetworkLink

        fileprivate init(_ id: Int64, _ deliveries: AsyncStream<Delivery>, _ link: NetworkLink) {
            self.id = id
            self.deliveries = deliveries
            self.link = link
        }

        deinit { link.end(id) }

        /// - Throws: what the network half said, or that it is gone; `CancellationError`.
        func next() async throws -> Delivery {
            for await delivery in deliveries {
                if case .failed(let error) = delivery { throw error }
                return delivery
            }
            try Task.checkCancellation()
            throw NetworkLink.gone
        }

        func askForNext() { link.tell(.next(id: id)) }
    }

    private struct State {
        /// Where questions go.
        var socket: LocalSocket?
        /// Whose answers count: the same, until it was found not to take a question.
        var served: LocalSocket?
        var lastID: Int64 = 0
        var exchanges: [Int64: AsyncStream<Delivery>.Continuation] = [:]
        var waiting: [Int64: AsyncStream<Void>.Continuation] = [:]
        /// Since when complaints are counted, and how many there were.
        var complaintsSince: Int64?
        var complaints = 0
    }

    /// What a question waits for where nobody is connected: both halves start at the same time.
    static let patience = TimeSpan.seconds(10)
    /// What a connection has until the other half has said who it is.
    static let greetingMax = TimeSpan.seconds(5)
    /// What is said of connections in a minute: who connects again and again must not push all else out of the journal.
    private static let complaintsMax = 10
    /// Answers to one question that nobody has looked at yet.
    private static let deliveriesMax = 4
    private static let eventSizeMax = ByteCount(1 << 20)

    private let settings: HalfSettings
    private let authorities: [UInt8]?
    private let user: UInt32
    private let time: any TimeDoor
    private let log: Logger
    private let state = Mutex(State())

    /// - Parameter user: whom the network half runs as; nobody else is listened to.
    init(settings: HalfSettings, authorities: [UInt8]? = nil, user: UInt32, time: any TimeDoor, log: Logger) {
        self.settings = settings
        self.authorities = authorities
        self.user = user
        self.time = time
        self.log = log
    }

    // MARK: Taking connections

    /// One connection that is served and one that greets: the newest, because the one before may have been killed a moment
    /// ago. A network half in an attacker's hands gets no third descriptor of this process, however often it connects.
    func serve(_ listener: LocalListener) async {
        var open: [(socket: LocalSocket, task: Task<Void, Never>)] = []
        while !Task.isCancelled {
            do {
                let socket = try await listener.accept()
                guard socket.peer.user == user else {
                    complain("a stranger connected to the root half", ["user": "\(socket.peer.user)"])
                    continue
                }
                let served = state.withLock { $0.served }
                for one in open where one.socket !== served { await Self.end(one) }
                open.removeAll { $0.socket !== served }
                open.append((socket, Task { await self.serve(socket) }))
            } catch {
                guard !Task.isCancelled else { break }
                log.error("the network half cannot connect", metadata: ["error": "\(ReportedError(error))"])
                try? await time.sleep(for: .seconds(1))
            }
        }
        for one in open { await Self.end(one) }
    }

    private func complain(_ words: Logger.Message, _ metadata: Logger.Metadata = [:]) {
        let now = time.monotonic().milliseconds
        let unsaid: Int? = state.withLock { state in
            if let since = state.complaintsSince, now - since < TimeSpan.minutes(1).milliseconds {
                state.complaints += 1
                return state.complaints > Self.complaintsMax ? nil : 0
            }
            defer { (state.complaintsSince, state.complaints) = (now, 1) }
            return max(0, state.complaints - Self.complaintsMax)
        }
        guard let unsaid else { return }
        log.error(words, metadata: metadata.merging(unsaid > 0 ? ["unsaid": "\(unsaid)"] : [:]) { $1 })
    }

    private static func end(_ one: (socket: LocalSocket, task: Task<Void, Never>)) async {
        one.task.cancel()
        one.socket.close()
        await one.task.value
    }

    private func serve(_ socket: LocalSocket) async {
        let timer = Task {
            guard (try? await time.sleep(for: Self.greetingMax)) != nil else { return }
            complain("the network half connected and did not say who it is")
            socket.close()
        }
        defer { timer.cancel() }
        do {
            try socket.send(HalfQuestion.begin(settings: settings).bytes, authorities.map(OpenFile.inMemory))
            guard case .ready(HalfSettings.protocolNumber)? = try await Self.answer(socket)?.answer else {
                throw AgentError(
                    code: "half.version", summary: "The network half is of another version.",
                    remedy: "Restart it: systemctl restart slipway-agent-network.")
            }
            timer.cancel()
            take(socket)
            log.debug("the network half is connected")
            while let (answer, file) = try await Self.answer(socket) { try deliver(answer, file) }
            log.warning("the network half closed its connection")
        } catch {
            if !Task.isCancelled {
                complain("the network half was dismissed", ["error": "\(ReportedError(error))"])
            }
        }
        socket.close()
        forget(socket)
    }

    private static func answer(_ socket: LocalSocket) async throws -> (answer: HalfAnswer, file: OpenFile?)? {
        guard let message = try await socket.receive() else { return nil }
        return (try HalfAnswer(parsing: message.bytes), message.file)
    }

    /// The newest is the one that runs: the one before may have been killed a moment ago.
    private func take(_ socket: LocalSocket) {
        let (old, waiting, broken) = state.withLock { state in
            let before = (state.socket, Array(state.waiting.values), Array(state.exchanges.values))
            (state.socket, state.served) = (socket, socket)
            state.waiting = [:]
            state.exchanges = [:]
            return before
        }
        old?.close()
        for one in broken { one.finish() }
        for one in waiting { one.finish() }
    }

    private func forget(_ socket: LocalSocket) {
        let broken: [AsyncStream<Delivery>.Continuation] = state.withLock { state in
            guard state.served === socket else { return [] }
            (state.socket, state.served) = (nil, nil)
            defer { state.exchanges = [:] }
            return Array(state.exchanges.values)
        }
        for one in broken { one.finish() }
    }

    /// Its reader learns of it by the closed socket; what was just asked over it is not among the broken ones.
    private func drop(_ socket: LocalSocket) {
        socket.close()
        state.withLock { if $0.socket === socket { $0.socket = nil } }
    }

    // MARK: Answers

    private func deliver(_ answer: HalfAnswer, _ file: OpenFile?) throws {
        guard let id = answer.id else { throw Self.unexpected }
        // Of a question whose asker is gone.
        guard let asker = state.withLock({ $0.exchanges[id] }) else { return }
        let delivery: Delivery
        switch (answer, file) {
        case (.head(_, let status, let headers), let pipe?):
            delivery = .head(
                HTTPHead(status: status, headers: headers.map { HTTPField($0.name, $0.value) }),
                try pipe.asReceivedPipe())
        case (.whole, nil): delivery = .whole
        case (.event(_, let name, let eventID), let memory?):
            let data = try memory.readReceived(sizeMax: Self.eventSizeMax)
            delivery = .event(ServerSentEvent(id: eventID, name: name, data: String(decoding: data, as: UTF8.self)))
        case (.reached(_, .taken), nil): delivery = .reached(.taken)
        case (.reached(_, .refused), nil): delivery = .reached(.refused)
        case (.reached(_, .unreachable(let why)), nil): delivery = .reached(.unreachable(why))
        case (.failed(_, let error), nil): delivery = .failed(Self.failure(error))
        default: throw Self.unexpected
        }
        if case .dropped = asker.yield(delivery) { throw Self.unexpected }
    }

    /// What the other half calls its failures decides only whether and when something is tried again.
    private static func failure(_ error: ReportedError) -> EffectsError {
        let isHTTP = error.code.hasPrefix("effects.http.")
        return EffectsError(
            code: isHTTP ? String(error.code.dropFirst("effects.".count)) : "http.closed", summary: error.summary,
            remedy: error.remedy, cause: isHTTP ? error.cause : error.code)
    }

    private static let unexpected = AgentError(
        code: "half.form", summary: "The network half answered what nobody asked.",
        remedy: "Restart both halves: systemctl restart slipway-agent slipway-agent-network.")

    fileprivate static let gone = EffectsError(
        code: "http.unreachable", summary: "The network half of the agent does not run.",
        remedy: "systemctl status slipway-agent-network says why; nothing can be fetched or reported meanwhile.")

    // MARK: Questions

    /// Asks as soon as the network half is there.
    /// - Throws: `effects.http.unreachable` where it does not come within the patience.
    func ask(_ body: OpenFile? = nil, _ question: (Int64) -> HalfQuestion) async throws -> Exchange {
        while true {
            let socket = try await connected()
            // Anew at each try: the one before ended where another network half was taken in meanwhile.
            let (deliveries, continuation) = AsyncStream.makeStream(
                of: Delivery.self, bufferingPolicy: .bufferingOldest(Self.deliveriesMax))
            let id = state.withLock { state in
                state.lastID += 1
                state.exchanges[state.lastID] = continuation
                return state.lastID
            }
            do {
                try send(question(id), body, socket)
                return Exchange(id, deliveries, self)
            } catch let error as EffectsError where error == Self.gone {
                // It went a moment ago and may be back soon.
                state.withLock { _ = $0.exchanges.removeValue(forKey: id) }
            }
        }
    }

    /// Said where anybody listens, else left unsaid.
    func tell(_ question: HalfQuestion) {
        guard let socket = state.withLock({ $0.socket }) else { return }
        try? send(question, nil, socket)
    }

    private func send(_ question: HalfQuestion, _ body: OpenFile?, _ socket: LocalSocket) throws {
        let bytes = try question.bytes
        guard bytes.count <= HalfQuestion.messageSizeMax else {
            throw EffectsError(
                code: "http.url", summary: "A request of \(bytes.count) bytes is too long to be asked.",
                remedy: "Shorten the address.")
        }
        do { try socket.send(bytes, body) } catch {
            // A peer that does not read is no better than one that is gone.
            drop(socket)
            throw Self.gone
        }
    }

    fileprivate func end(_ id: Int64) {
        let wasOpen = state.withLock { $0.exchanges.removeValue(forKey: id) != nil }
        if wasOpen { tell(.end(id: id)) }
    }

    private func connected() async throws -> LocalSocket {
        let time = time
        let startedAt = time.monotonic()
        while true {
            let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
            let (socket, ticket): (LocalSocket?, Int64) = state.withLock { state in
                if let socket = state.socket { return (socket, 0) }
                state.lastID += 1
                state.waiting[state.lastID] = arrival
                return (nil, state.lastID)
            }
            if let socket { return socket }
            let left = Self.patience.milliseconds - (time.monotonic().milliseconds - startedAt.milliseconds)
            let timer = Task {
                guard (try? await time.sleep(for: .milliseconds(max(0, left)))) != nil else { return }
                arrival.yield()
            }
            for await _ in arrivals { break }
            timer.cancel()
            state.withLock { _ = $0.waiting.removeValue(forKey: ticket) }
            try Task.checkCancellation()
            guard state.withLock({ $0.socket != nil }) || left > 0 else { throw Self.gone }
        }
    }
}
