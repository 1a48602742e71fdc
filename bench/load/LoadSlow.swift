import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// Connections that take their time: each sends the head of a request a byte at a time, and it never ends. A head that is
/// none would be refused at once. What the controller closes is opened again, so there are always as many.
struct LoadSlow: Sendable {
    private static let addresses = 64
    private static let pause = TimeAmount.seconds(7)
    /// New ones a second, at the beginning: about what the controller closes of 5 000, which wait 30 s each, so that they come
    /// back as evenly.
    private static let rate = 170

    private struct Counts {
        var open = 0
        var attempts = 0
    }

    private final class Tally: Sendable {
        private let counts = Mutex(Counts())
        func change(_ body: (inout Counts) -> Void) { counts.withLock { body(&$0) } }
        var now: (open: Int, attempts: Int) { counts.withLock { ($0.open, $0.attempts) } }
    }

    /// Sends a byte now and then, from the end of the handshake on.
    private final class Dripper: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private static let head = Array("GET /v1/rollouts HTTP/1.1\r\nHost: controller\r\nX-Slow: ".utf8)

        private let tally: Tally
        private var isOpen = false
        private var sent = 0

        init(_ tally: Tally) { self.tally = tally }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted = event as? TLSUserEvent {
                isOpen = true
                tally.change { $0.open += 1 }
                drip(context)
            }
            context.fireUserInboundEventTriggered(event)
        }

        private func drip(_ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            let byte = sent < Self.head.count ? Self.head[sent] : UInt8(ascii: "s")
            sent += 1
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [byte])), promise: nil)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: LoadSlow.pause) { bound.value.0.drip(bound.value.1) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            if isOpen { tally.change { $0.open -= 1 } }
            isOpen = false
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let context: NIOSSLContext
    private let tally = Tally()

    init(port: Int, group: MultiThreadedEventLoopGroup) throws {
        (self.port, self.group) = (port, group)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.certificateVerification = .none
        context = try NIOSSLContext(configuration: tls)
    }

    /// How many are open; how many were tried.
    var now: (open: Int, attempts: Int) { tally.now }

    func begin(_ count: Int) {
        for number in 0..<count {
            group.next().scheduleTask(in: .microseconds(Int64(number) * 1_000_000 / Int64(Self.rate))) { [self] in
                open(number)
            }
        }
    }

    private func open(_ number: Int) {
        let loop = group.any()
        tally.change { $0.attempts += 1 }
        let address = "127.0.1.\(1 + number % Self.addresses)"
        let (context, tally) = (context, tally)
        do {
            try ClientBootstrap(group: loop).connectTimeout(.seconds(10))
                .bind(to: SocketAddress(ipAddress: address, port: 0))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            NIOSSLClientHandler(context: context, serverHostname: nil),
                            Dripper(tally),
                        ])
                    }
                }
                .connect(host: "127.0.0.1", port: port)
                .whenComplete { [self] result in
                    switch result {
                    case .success(let channel): channel.closeFuture.whenComplete { _ in open(number) }
                    case .failure: loop.scheduleTask(in: .seconds(1)) { open(number) }
                    }
                }
        } catch {
            loop.scheduleTask(in: .seconds(1)) { [self] in open(number) }
        }
    }
}
