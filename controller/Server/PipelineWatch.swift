import NIOCore
import NIOHTTP1

/// Closes a connection that asks again and again before it has an answer: requests of one read are decoded at once, and each
/// waits in memory for those before it. Our clients ask one after the other; browsers do too.
///
/// It stands right behind the decoder.
final class PipelineWatch: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    static let requestsMax = 4

    private var waiting = 0
    private var isClosed = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        if case .head = unwrapInboundIn(data) {
            waiting += 1
            guard waiting <= Self.requestsMax else {
                isClosed = true
                return context.close(promise: nil)
            }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { waiting -= 1 }
        context.write(data, promise: promise)
    }

    /// Behind the decoder of a channel that was set up just now, on its event loop.
    /// - Throws: NIO's errors, where there is none.
    static func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(PipelineWatch(), position: .after(decoder))
    }
}
