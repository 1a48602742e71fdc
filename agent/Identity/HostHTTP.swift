import AgentProtocol
import Effects
import ReleaseDefinition
import Synchronization

/// The door to the controller and the repository, whose identity can be replaced while it is used: streams end at once and
/// are opened anew by their readers, other transfers end with the identity that they began with.
///
/// Tells the controller which running agent speaks (R30).
final class HostHTTP: HTTPDoor {
    /// Streams have a client of their own, so that they can be ended alone.
    private final class Clients: Sendable {
        let transfers: LiveHTTP
        let streams: LiveHTTP

        init(_ identity: TLSIdentity?, _ userAgent: String, _ proxy: HTTPProxy?) throws {
            transfers = try LiveHTTP(identity: identity, userAgent: userAgent, proxy: proxy)
            streams = try LiveHTTP(identity: identity, userAgent: userAgent, proxy: proxy)
        }
    }

    private let clients: Mutex<Clients>
    private let userAgent: String
    let proxy: HTTPProxy?
    private let controller: String?
    private let session: AgentSession

    init(
        identity: TLSIdentity?, userAgent: String, proxy: HTTPProxy? = nil, controller: String?, session: AgentSession
    ) throws {
        self.userAgent = userAgent
        self.proxy = proxy
        self.controller = controller
        self.session = session
        clients = Mutex(try Clients(identity, userAgent, proxy))
    }

    /// - Throws: `effects.http.identity`; what is in use stays then.
    func replace(identity: TLSIdentity) async throws {
        let new = try Clients(identity, userAgent, proxy)
        let old = clients.withLock { clients in
            let old = clients
            clients = new
            return old
        }
        // The other client goes by itself when its last transfer has ended.
        await old.streams.shutdown()
    }

    func shutdown() async {
        let last = clients.withLock { $0 }
        await last.streams.shutdown()
        await last.transfers.shutdown()
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let client = clients.withLock { $0.transfers }
        return try await client.send(introduced(request))
    }

    func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let client = clients.withLock { $0.transfers }
        try await client.download(introduced(request), head: head, receive: receive)
    }

    func events(_ request: HTTPRequest, silenceMax: TimeSpan) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        let client = clients.withLock { $0.streams }
        return client.events(introduced(request), silenceMax: silenceMax)
    }

    /// To the controller alone: nobody else needs to know which machine this is.
    private func introduced(_ request: HTTPRequest) -> HTTPRequest {
        guard let controller, request.url.hasPrefix(controller + "/v1/agent/") else { return request }
        var request = request
        request.headers.append(HTTPField(AgentSession.headerName, session.headerValue))
        return request
    }
}

extension AgentSession {
    /// Of this process, which is an agent that starts.
    static func start(_ random: any RandomDoor) -> AgentSession {
        AgentSession(
            machine: MachineID.read() ?? "", boot: MachineID.boot() ?? "", process: Hexadecimal.encode(random.bytes(8)))
    }
}
