import AgentProtocol
import Effects
import ReleaseDefinition
import Synchronization

/// The doors of the root half to the network: every request is made by the network half, and what it answers is bounded here
/// once more.
struct RelayedHTTP: HTTPDoor {
    /// Beyond a request's own time, which the network half keeps.
    private static let margin = TimeSpan.seconds(15)

    let link: NetworkLink
    let door: HalfRequest.Door
    let time: any TimeDoor

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let collected = Mutex<(head: HTTPHead?, body: [UInt8])>((nil, []))
        try await download(
            request, head: { head in collected.withLock { $0.head = head } },
            receive: { piece in collected.withLock { $0.body += piece } })
        let (head, body) = collected.withLock { $0 }
        guard let head else { throw Self.outOfTurn }
        return HTTPResponse(head: head, body: body)
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let time = time
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await exchange(request, head: head, receive: receive) }
            group.addTask {
                try await time.sleep(for: request.timeout + Self.margin)
                throw EffectsError(
                    code: "http.timeout", summary: "\(request.url) was not fetched in time.",
                    remedy: "It can be tried again; if it stays so, look at the log of slipway-agent-network.")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func exchange(
        _ request: HTTPRequest, head: @Sendable (HTTPHead) async throws -> Void,
        receive: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let exchange = try await link.ask(try body(of: request)) { .http(id: $0, request: relayed(request)) }
        guard case .head(let answer, let pipe) = try await exchange.next() else { throw Self.outOfTurn }
        try await head(answer)
        var left = request.responseSizeMax.value
        while true {
            let piece = try await pipe.receivePiece()
            if piece.isEmpty { break }
            left -= Int64(piece.count)
            guard left >= 0 else {
                throw EffectsError(
                    code: "http.bodyTooLarge",
                    summary: "\(request.url) sends more than \(request.responseSizeMax.value) bytes.",
                    remedy: "Check that this is the right address.")
            }
            try await receive(piece)
        }
        guard case .whole = try await exchange.next() else { throw Self.outOfTurn }
    }

    func events(
        _ request: HTTPRequest, silenceMax: TimeSpan
    ) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        let (link, relayed) = (link, relayed(request))
        let opened = OpenedStream()
        return AsyncThrowingStream {
            let stream: NetworkLink.Exchange
            if let known = opened.exchange.withLock({ $0 }) {
                stream = known
            } else {
                stream = try await link.ask { .events(id: $0, request: relayed, silenceMax: silenceMax) }
                opened.exchange.withLock { $0 = stream }
            }
            stream.askForNext()
            guard case .event(let event) = try await stream.next() else { throw Self.outOfTurn }
            return event
        }
    }

    private func relayed(_ request: HTTPRequest) -> HalfRequest {
        HalfRequest(
            door: door, method: request.method, url: request.url,
            headers: request.headers.map { HalfHeader(name: $0.name, value: $0.value) },
            sizeMax: request.responseSizeMax, timeout: request.timeout)
    }

    private func body(of request: HTTPRequest) throws -> OpenFile? {
        if let file = request.bodyFile { return file }
        return try request.body.map(OpenFile.inMemory)
    }

    private static let outOfTurn = EffectsError(
        code: "http.protocol", summary: "The network half answered out of turn.",
        remedy: "Restart both halves: systemctl restart slipway-agent slipway-agent-network.")
}

/// The stream goes with its reader.
private final class OpenedStream: Sendable {
    let exchange = Mutex<NetworkLink.Exchange?>(nil)
}

extension NetworkLink: StandingKeeper {
    /// `AgentDoors.reach`, by the network half.
    func reach(_ address: String, _ timeout: TimeSpan) async throws -> TCPReach.Answer {
        let exchange = try await ask { .reach(id: $0, address: address, timeout: timeout) }
        guard case .reached(let answer) = try await exchange.next() else {
            return .unreachable("The network half answered out of turn.")
        }
        return answer
    }

    func heard(_ standing: HalfNews) { tell(.standing(heard: standing)) }
}
