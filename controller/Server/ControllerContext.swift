import Hummingbird
import NIOCore
import NIOSSL
import ReleaseDefinition

/// What Hummingbird hands on with a request, and the connection it came by.
struct ControllerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection.
    let channel: any Channel
    /// Where the connection comes from: what a proxy's header named, if the proxy is one of `proxies`; the address of a
    /// proxy itself that is not.
    var address: String

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        address = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }

    /// The digest of the certificate that the peer proved to have; nil where it showed none. The TLS library has checked
    /// that our authority signed it and that it was in force when the connection was made.
    func peerCertificate() async -> SHA256Digest? {
        guard let certificate = try? await channel.nioSSL_peerCertificate().get(),
            let bytes = try? certificate.toDERBytes()
        else { return nil }
        await Self.boundSilence(of: channel)
        return SHA256Digest(of: bytes)
    }

    /// A host that answers nothing on the wire is given up after half a minute, not after TCP's quarter of an hour: one
    /// without power must not count as in contact. tcp(7) TCP_USER_TIMEOUT, in milliseconds.
    private static func boundSilence(of connection: any Channel) async {
        let userTimeout = NIOBSDSocket.Option(rawValue: 18)
        try? await connection.setOption(ChannelOptions.tcpOption(userTimeout), value: 30_000).get()
    }
}
