import Hummingbird
import NIOCore
import NIOSSL
import ReleaseDefinition

/// What Hummingbird hands on with a request, and the connection it came by.
struct ControllerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The digest of the certificate that the peer proved to have; nil where it showed none. The TLS library has checked
    /// that our authority signed it and that it was in force when the connection was made.
    func peerCertificate() async -> SHA256Digest? {
        // HTTP/1: the channel is the TLS connection. HTTP/2: it is one stream, the connection is its parent.
        var certificate = try? await channel.nioSSL_peerCertificate().get()
        if certificate == nil { certificate = try? await channel.parent?.nioSSL_peerCertificate().get() }
        guard let bytes = try? certificate?.toDERBytes() else { return nil }
        return SHA256Digest(of: bytes)
    }
}
