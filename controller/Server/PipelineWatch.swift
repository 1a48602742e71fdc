import NIOCore
import NIOHTTPTypes

/// Closes a connection that asks again and again before it has an answer: requests of one read are decoded at once, and each
/// waits in memory for those before it. Our clients ask one after the other; browsers do too.
final class PipelineWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

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
}
