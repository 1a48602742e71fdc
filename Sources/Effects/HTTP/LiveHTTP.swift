import AsyncHTTPClient
import NIOCore
import NIOSSL
import ReleaseDefinition

/// HTTP/1.1 over TLS 1.3 against a private authority, or in the clear for `http:` addresses. No redirects, no decompression,
/// no cookies; one thread for all clients of the process, which lasts as long as it. HTTP/2 is left out on purpose: the client beneath has no back-pressure there.
///
/// The owner calls `shutdown()` when open transfers should end; the last reference gone does the same a moment later.
public final class LiveHTTP: HTTPDoor {
    private let client: HTTPClient
    /// For servers that the proxy is not asked for; nil: there are none.
    private let direct: HTTPClient?
    private let proxy: HTTPProxy?
    private let userAgent: String
    private let hasAuthority: Bool
    let limits: HTTPLimits

    /// - Parameter identity: nil where only `http:` addresses are asked.
    /// - Throws: `effects.http.identity`: certificate or key are not what they should be.
    public convenience init(identity: TLSIdentity?, userAgent: String, proxy: HTTPProxy? = nil) throws {
        try self.init(identity: identity, userAgent: userAgent, proxy: proxy, limits: HTTPLimits())
    }

    convenience init(
        identity: TLSIdentity?, userAgent: String, proxy: HTTPProxy? = nil, limits: HTTPLimits
    ) throws {
        let tls = try Self.configuration(identity)
        self.init(tls: tls, hasAuthority: identity != nil, userAgent: userAgent, proxy: proxy, limits: limits)
    }

    private init(
        tls: TLSConfiguration, hasAuthority: Bool, userAgent: String, proxy: HTTPProxy?, limits: HTTPLimits
    ) {
        self.userAgent = userAgent
        self.proxy = proxy
        self.hasAuthority = hasAuthority
        self.limits = limits
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .milliseconds(limits.connect.milliseconds)), decompression: .disabled)
        configuration.httpVersion = .http1Only
        // A failed connection is told at once; who wants to try again decides so.
        configuration.connectionPool.retryConnectionEstablishment = false
        let group = EventLoopThread.shared
        let needsDirect = proxy.map { !$0.except.isEmpty } ?? false
        direct = needsDirect ? HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration) : nil
        configuration.proxy = proxy.map { proxy in
            .server(
                host: proxy.host, port: proxy.port,
                authorization: proxy.credential.map { .basic(username: $0.user, password: $0.password) })
        }
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// For the first contact of a host that knows the authority's digest alone: any server is talked to. Nothing that it
    /// says may be believed before it was compared with a digest from elsewhere, and no secret may be sent.
    public static func withoutVerification(userAgent: String, proxy: HTTPProxy? = nil) -> LiveHTTP {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.trustRoots = .certificates([])
        tls.certificateVerification = .none
        return LiveHTTP(tls: tls, hasAuthority: true, userAgent: userAgent, proxy: proxy, limits: HTTPLimits())
    }

    /// The client beneath traps when it goes without having been shut down, and a door is often made for one request.
    deinit {
        let (client, direct) = (self.client, self.direct)
        Task {
            try? await client.shutdown()
            try? await direct?.shutdown()
        }
    }

    /// Ends open transfers.
    public func shutdown() async {
        try? await client.shutdown()
        try? await direct?.shutdown()
    }

    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let watch = TransferWatch(url: request.url, timeout: request.timeout, rule: .transfer, limits: limits)
        return try await watched(request, watch) {
            let response = try await self.start(request, watch)
            var body: [UInt8] = []
            try await self.receive(response, of: request, watch) { body.append(contentsOf: $0.readableBytesView) }
            return HTTPResponse(head: response.ourHead, body: body)
        }
    }

    public func download(
        _ request: HTTPRequest, head: @escaping @Sendable (HTTPHead) async throws -> Void,
        receive: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let watch = TransferWatch(url: request.url, timeout: request.timeout, rule: .transfer, limits: limits)
        try await watched(request, watch) {
            let response = try await self.start(request, watch)
            do { try await head(response.ourHead) } catch { throw CallersError(error: error) }
            try await self.receive(response, of: request, watch) { piece in
                do { try await receive(Array(piece.readableBytesView)) } catch { throw CallersError(error: error) }
            }
        }
    }

    public func events(
        _ request: HTTPRequest, silenceMax: TimeSpan
    ) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        let queue = EventQueue(waitingMax: limits.eventsWaitingMax)
        let watch = TransferWatch(
            url: request.url, timeout: request.timeout, rule: .events(silenceMax: silenceMax), limits: limits)
        let task = Task {
            do {
                try await watched(request, watch) { try await self.readEvents(request, watch, into: queue) }
            } catch { queue.end(error) }
        }
        let reader = EventReader(queue, task)
        return AsyncThrowingStream { try await reader.next() }
    }

    private func readEvents(
        _ request: HTTPRequest, _ watch: TransferWatch, into queue: EventQueue
    ) async throws {
        let response = try await start(request, watch)
        let head = response.ourHead
        guard head.status == 200, head["Content-Type"]?.lowercased().hasPrefix("text/event-stream") == true else {
            throw EffectsError(
                code: "http.status",
                summary: "\(request.url) answered \(head.status) with \(head["Content-Type"] ?? "no content type"), "
                    + "a stream of events was expected.",
                remedy: "Look at the server's log; check address and rights.")
        }
        var parser = ServerSentEventParser(sizeMax: limits.eventSizeMax)
        watch.waitsForBytes()
        for try await piece in response.body {
            watch.bytesCame(piece.readableBytes)
            for event in try parser.parse(Array(piece.readableBytesView)) { try await queue.put(event) }
            watch.waitsForBytes()
        }
        throw EffectsError(
            code: "http.closed", summary: "\(request.url): the server closed the stream.",
            remedy: "The connection is opened anew.")
    }

    // MARK: One exchange

    private func start(_ request: HTTPRequest, _ watch: TransferWatch) async throws -> HTTPClientResponse {
        // The client beneath traps where a port is beyond 65535.
        guard request.url.hasPrefix("https://") || request.url.hasPrefix("http://"),
            HTTPProxy.server(of: request.url) != nil
        else { throw HTTPFailure.invalidURL(request.url) }
        if request.url.hasPrefix("https:"), !hasAuthority { throw HTTPFailure.noAuthority(request.url) }
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .init(rawValue: request.method)
        outgoing.headers.add(name: "User-Agent", value: userAgent)
        for field in request.headers { outgoing.headers.add(name: field.name, value: field.value) }
        if let body = request.body { outgoing.body = .bytes(body, length: .known(Int64(body.count))) }
        if let file = request.bodyFile {
            let size = try file.size()
            outgoing.body = .stream(
                FilePieces(file: file, size: size.value, sent: request.bodySent), length: .known(size.value))
        }
        // The watch has the deadline; this one only backs it up.
        let deadline = NIODeadline.now() + .milliseconds(min(request.timeout.milliseconds, 1 << 40))
        let isStream = if case .events = watch.rule { true } else { false }
        let goesDirect = proxy.map { !$0.serves(request.url) } ?? false
        let client = goesDirect ? direct ?? client : client
        let response = try await client.execute(outgoing, deadline: isStream ? .distantFuture : deadline)
        watch.headCame()
        return response
    }

    private func receive(
        _ response: HTTPClientResponse, of request: HTTPRequest, _ watch: TransferWatch,
        use: (ByteBuffer) async throws -> Void
    ) async throws {
        // What HEAD announces does not come.
        let announced = request.method == "HEAD" ? nil : response.headers.first(name: "Content-Length")
        var bounds = try BodyBounds(request.url, sizeMax: request.responseSizeMax, contentLength: announced)
        watch.waitsForBytes()
        for try await piece in response.body {
            watch.bytesCame(piece.readableBytes)
            try bounds.take(piece.readableBytes)
            try await use(piece)
            watch.waitsForBytes()
        }
    }

    /// Runs the exchange beside its watch; whoever ends first decides.
    private func watched<Value: Sendable>(
        _ request: HTTPRequest, _ watch: TransferWatch, _ exchange: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await withThrowingTaskGroup(of: Value?.self) { group in
                group.addTask { try await exchange() }
                group.addTask {
                    try await watch.run()
                    return nil
                }
                defer { group.cancelAll() }
                while let ended = try await group.next() {
                    if let value = ended { return value }
                }
                throw CancellationError()
            }
        } catch let error as CallersError {
            throw error.error
        } catch { throw await doubted(HTTPFailure.error(error, request.url), request.url) }
    }

    /// Whether it is this host's clock for which a certificate is not believed.
    private func doubted(_ error: any Error, _ url: String) async -> any Error {
        guard hasAuthority, let untrusted = error as? EffectsError, untrusted.code == "effects.http.tls.untrusted"
        else { return error }
        guard let theirs = await ClockDoubt.time(at: url, proxy: proxy) else { return error }
        return ClockDoubt.error(url, theirs: theirs, ours: SystemTime().now(), cause: untrusted.cause) ?? error
    }

    /// An error of the caller's own closures: handed back as it is.
    private struct CallersError: Error {
        var error: any Error
    }

    private static func configuration(_ identity: TLSIdentity?) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.certificateVerification = .fullVerification
        // Never the system's store, whatever else is said.
        tls.trustRoots = .certificates([])
        guard let identity else { return tls }
        do {
            let roots = try NIOSSLCertificate.fromPEMBytes(Array(identity.trustRoots.utf8))
            guard !roots.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
            tls.trustRoots = .certificates(roots)
            if let chain = identity.certificateChain, let key = identity.privateKey {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8)).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            }
            return tls
        } catch {
            throw EffectsError(
                code: "http.identity", summary: "The TLS certificates or the private key cannot be read.",
                remedy: "They must be PEM; join again to get new ones.", cause: "\(error)")
        }
    }
}

extension HTTPClientResponse {
    fileprivate var ourHead: HTTPHead {
        HTTPHead(status: Int(status.code), headers: headers.map { HTTPField($0.name, $0.value) })
    }
}
