import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server that answers each request with the bytes its script says: as slow, as long and as wrong as a test wants.
final class TestServer: Sendable {
    enum Step: Sendable {
        case send(String)
        case repeated(String, count: Int)
        /// Waits until the peer has taken what was sent, then so many milliseconds.
        case pause(Int64)
        case close
    }

    typealias Script = @Sendable (_ request: String) -> [Step]

    let port: Int
    private let channel: any Channel
    private let counter: Counter
    private let group: MultiThreadedEventLoopGroup

    init(tls: TLSConfiguration? = nil, script: @escaping Script) async throws {
        let counter = Counter()
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(script: script, counter: counter))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        self.counter = counter
    }

    var requests: [String] { counter.state.withLock { $0.requests } }
    /// What the kernel took so far, of all connections.
    var bytesOut: Int { counter.state.withLock { $0.bytes } }

    func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }

    private final class Counter: Sendable {
        let state = Mutex<(requests: [String], bytes: Int)>(([], 0))
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let script: Script
        private let counter: Counter
        private var received = ""

        init(script: @escaping Script, counter: Counter) {
            self.script = script
            self.counter = counter
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
            // Bodies of test requests are short and come with their head.
            guard received.contains("\r\n\r\n") else { return }
            let request = received
            received = ""
            counter.state.withLock { $0.requests.append(request) }
            act(script(request)[...], context)
        }

        private func act(_ steps: ArraySlice<Step>, _ context: ChannelHandlerContext) {
            guard let step = steps.first else { return }
            let rest = steps.dropFirst()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            switch step {
            case .send(let text): write(text, then: rest, context)
            case .repeated(let text, let count):
                guard count > 0 else { return act(rest, context) }
                write(text, then: [.repeated(text, count: count - 1)] + rest, context)
            case .pause(let milliseconds):
                context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
                    bound.value.0.act(rest, bound.value.1)
                }
            case .close: context.close(promise: nil)
            }
        }

        private func write(_ text: String, then rest: ArraySlice<Step>, _ context: ChannelHandlerContext) {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { result in
                guard case .success = result else { return }
                bound.value.0.counter.state.withLock { $0.bytes += text.utf8.count }
                // Not from here: a write that is done at once would nest the next one, thousands deep.
                bound.value.1.eventLoop.execute { bound.value.0.act(rest, bound.value.1) }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
