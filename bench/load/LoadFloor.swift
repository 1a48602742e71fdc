import NIOCore
import NIOPosix
import NIOSSL

/// What NIO and its TLS cost alone: each request, whatever it asks, is answered with the same 304 as soon as its head has ended.
/// No HTTP is read, no file looked at.
enum LoadFloor {
    private static let answer = ByteBuffer(
        string: """
            HTTP/1.1 304 Not Modified\r\nETag: "0000000000000000000000000000000000000000000000000000000000000000"\r\n\
            Accept-Ranges: bytes\r\nContent-Type: application/json\r\nCache-Control: no-cache\r\n\
            Date: Sun, 22 Nov 2026 12:00:00 GMT\r\nServer: floor\r\n\r\n
            """)

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard unwrapInboundIn(data).readableBytesView.suffix(4).elementsEqual([13, 10, 13, 10]) else { return }
            context.writeAndFlush(wrapOutboundOut(LoadFloor.answer), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// Until the process ends, on as many threads as there are processors.
    static func run(port: Int, chain: String, key: String) async throws {
        let certificates = try NIOSSLCertificate.fromPEMFile(chain).map { NIOSSLCertificateSource.certificate($0) }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        tls.minimumTLSVersion = .tlsv13
        let context = try NIOSSLContext(configuration: tls)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), Answerer()])
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        try await server.closeFuture.get()
    }
}
