import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The server's side of TLS, which can be replaced while it serves: a connection keeps what it began with, the next one
/// gets what is in force then. Nobody is cut off.
final class ServerTLS: Sendable {
    private let configuration: Mutex<TLSConfiguration>
    private let channel = Mutex<(HTTP2UpgradeChannel, HTTPChannelHandler.Responder)?>(nil)

    init(_ configuration: TLSConfiguration) { self.configuration = Mutex(configuration) }

    var server: HTTPServerBuilder {
        HTTPServerBuilder { responder in
            let first = try HTTP2UpgradeChannel(
                tlsConfiguration: self.configuration.withLock { $0 }, responder: responder)
            self.channel.withLock { $0 = (first, responder) }
            return ReplaceableChannel(first: first) { self.channel.withLock { $0?.0 } ?? first }
        }
    }

    /// - Throws: NIOSSL's errors; what is in force stays then.
    func replace(by configuration: TLSConfiguration) throws {
        self.configuration.withLock { $0 = configuration }
        guard let responder = channel.withLock({ $0?.1 }) else { return }
        let made = try HTTP2UpgradeChannel(tlsConfiguration: configuration, responder: responder)
        channel.withLock { $0 = (made, responder) }
    }
}

/// Sets each connection up as the present channel does.
private struct ReplaceableChannel: HTTPChannelHandler {
    typealias Value = HTTP2UpgradeChannel.Value

    let first: HTTP2UpgradeChannel
    let present: @Sendable () -> HTTP2UpgradeChannel

    init(first: HTTP2UpgradeChannel, present: @escaping @Sendable () -> HTTP2UpgradeChannel) {
        self.first = first
        self.present = present
    }

    var responder: Responder { first.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        present().setup(channel: channel, logger: logger)
    }

    func handle(value: Value, logger: Logger) async { await present().handle(value: value, logger: logger) }
}

/// PEM texts of one moment.
struct ServerTLSMaterial: Sendable {
    var certificate: String
    var key: String
    /// Sent after the server's certificate.
    var authority: String
    /// Whom certificates of clients must be from.
    var clientAuthorities: String

    /// Certificates of clients are asked for and, if shown, must be ours; whether one is needed is decided by route.
    func configuration() throws -> TLSConfiguration {
        let chain = try [certificate, authority].flatMap { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) }
        let key = try NIOSSLPrivateKey(bytes: Array(self.key.utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key),
            trustRoots: .certificates(try NIOSSLCertificate.fromPEMBytes(Array(clientAuthorities.utf8))))
        tls.minimumTLSVersion = .tlsv13
        tls.certificateVerification = .optionalVerification
        return tls
    }
}
