import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The server's side of TLS, which can be replaced while it serves: a connection keeps what it began with, the next one
/// gets what is in force then. Nobody is cut off.
final class ServerTLS: Sendable {
    private let configuration: Mutex<TLSConfiguration>
    private let channel = Mutex<(HTTPSChannel, HTTPChannelHandler.Responder)?>(nil)
    private let waiting: WaitingConnections
    private let known: KnownFiles?
    private let proxies: TrustedProxies

    init(
        _ configuration: TLSConfiguration, waiting: WaitingConnections, known: KnownFiles?, proxies: TrustedProxies
    ) {
        self.configuration = Mutex(configuration)
        (self.waiting, self.known, self.proxies) = (waiting, known, proxies)
    }

    var server: HTTPServerBuilder {
        HTTPServerBuilder { responder in
            let counted = self.waiting.counting(responder)
            let first = try self.make(self.configuration.withLock { $0 }, counted)
            self.channel.withLock { $0 = (first, counted) }
            return ReplaceableChannel(first: first, waiting: self.waiting, known: self.known, proxies: self.proxies) {
                self.channel.withLock { $0?.0 } ?? first
            }
        }
    }

    private func make(
        _ configuration: TLSConfiguration, _ responder: @escaping HTTPChannelHandler.Responder
    ) throws -> HTTPSChannel {
        var configuration = configuration
        configuration.applicationProtocols = ["http/1.1"]
        let requests = HTTP1Channel(
            responder: responder,
            configuration: .init(
                additionalChannelHandlers: [PipelineWatch()], idleTimeout: waiting.patience.idle))
        return try TLSChannel(requests, tlsConfiguration: configuration)
    }

    /// - Throws: NIOSSL's errors; what is in force stays then.
    func replace(by configuration: TLSConfiguration) throws {
        self.configuration.withLock { $0 = configuration }
        guard let responder = channel.withLock({ $0?.1 }) else { return }
        let made = try make(configuration, responder)
        channel.withLock { $0 = (made, responder) }
    }

    /// The server has ended: what answers for it holds this, and is held by it until now.
    func forget() { channel.withLock { $0 = nil } }
}

/// HTTP/1.1 alone: one request of a connection at a time, so that what a connection costs is bounded (decision 0024).
private typealias HTTPSChannel = TLSChannel<HTTP1Channel>

/// Sets each connection up as the present channel does.
private struct ReplaceableChannel: HTTPChannelHandler {
    typealias Value = HTTPSChannel.Value

    let first: HTTPSChannel
    let waiting: WaitingConnections
    let known: KnownFiles?
    let proxies: TrustedProxies
    let faults = ProxyFaultLog()
    let present: @Sendable () -> HTTPSChannel

    init(
        first: HTTPSChannel, waiting: WaitingConnections, known: KnownFiles?, proxies: TrustedProxies,
        present: @escaping @Sendable () -> HTTPSChannel
    ) {
        (self.first, self.waiting, self.known, self.present) = (first, waiting, known, present)
        self.proxies = proxies
    }

    var responder: Responder { first.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        // A channel that is set up fails no accept loop; it is closed right after.
        let address = channel.remoteAddress?.ipAddress ?? ""
        let ofProxy = proxies.contain(address)
        if !waiting.accept(channel, ofProxy: ofProxy) { channel.eventLoop.execute { channel.close(promise: nil) } }
        let (present, pace, known, waiting, faults) = (present, waiting.patience.writing, known, waiting, faults)
        return channel.eventLoop.flatSubmit {
            channel.eventLoop.makeCompletedFuture {
                try ConnectionBuffers.bound(channel)
                try channel.pipeline.syncOperations.addHandler(WriteWatch(pace), position: .first)
                guard ofProxy else { return }
                // Before TLS; the bound of time for the head of the first request holds for it too.
                try channel.pipeline.syncOperations.addHandler(
                    ProxyHeaderReader { header in
                        guard let source = header.source.flatMap(TrustedProxies.text) else { return true }
                        return waiting.name(channel, source)
                    } refused: {
                        faults.write($0, of: address, to: logger)
                    })
            }
        }.flatMap { present().setup(channel: channel, logger: logger) }.flatMapThrowing { value in
            if let known { try known.stand(in: channel.pipeline.syncOperations) }
            // A server that is ending drops what it accepted last, and NIO stops the program where such a value goes before
            // its channel does.
            channel.closeFuture.whenComplete { _ in withExtendedLifetime(value) {} }
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor.of(value.channel.eventLoop)) {
            await present().handle(value: value, logger: logger)
        }
    }
}

/// How much of a connection is in memory at once, whatever its peer sends and does not read: a read is no longer than a
/// record of TLS, and no other follows before what came of it was looked at.
private enum ConnectionBuffers {
    private static let readMax = 16 << 10
    private static let unwritten = ChannelOptions.Types.WriteBufferWaterMark(low: 16 << 10, high: 32 << 10)

    /// On its event loop.
    static func bound(_ channel: any Channel) throws {
        let allocator = AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 2 << 10, maximum: readMax)
        try channel.syncOptions?.setOption(ChannelOptions.recvAllocator, value: allocator)
        try channel.syncOptions?.setOption(ChannelOptions.maxMessagesPerRead, value: 1)
        try channel.syncOptions?.setOption(ChannelOptions.writeBufferWaterMark, value: unwritten)
    }
}

/// PEM texts of one moment.
struct ServerTLSMaterial: Sendable {
    var certificate: String
    var key: String
    /// Sent after the server's certificate.
    var authority: String
    /// Whom certificates of clients must be from.
    var clientAuthorities: String

    private static let farewellMax = TimeAmount.seconds(1)

    /// Certificates of clients are asked for and, if shown, must be ours; whether one is needed is decided by route.
    func configuration() throws -> TLSConfiguration {
        let chain = try [certificate, authority].flatMap { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) }
        let key = try NIOSSLPrivateKey(bytes: Array(self.key.utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key),
            trustRoots: .certificates(try NIOSSLCertificate.fromPEMBytes(Array(clientAuthorities.utf8))))
        tls.minimumTLSVersion = .tlsv13
        tls.certificateVerification = .optionalVerification
        // Who does not answer a farewell would keep a controller that ends for so long.
        tls.shutdownTimeout = Self.farewellMax
        return tls
    }
}
