import NIOCore
import NIOHTTPTypes

/// Closes a connection that asks again and again before it has an answer: requests of one read are decoded at once, and each
/// waits in memory for those before it. Our clients ask one after the other; browsers do too.
///
/// What came of a body in one read goes on in one piece: in chunks of a byte each would hold a hundred.
final class PipelineWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    static let requestsMax = 4

    private var waiting = 0
    private var isClosed = false
    private var body: ByteBuffer?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        switch unwrapInboundIn(data) {
        case .head:
            passBody(context)
            waiting += 1
            guard waiting <= Self.requestsMax else {
                isClosed = true
                return context.close(promise: nil)
            }
            context.fireChannelRead(data)
        case .body(var piece):
            if body == nil { body = piece } else { body?.writeBuffer(&piece) }
        case .end:
            passBody(context)
            context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        passBody(context)
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        passBody(context)
        context.fireChannelInactive()
    }

    private func passBody(_ context: ChannelHandlerContext) {
        guard let piece = body else { return }
        body = nil
        if !isClosed { context.fireChannelRead(wrapInboundOut(.body(piece))) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { waiting -= 1 }
        context.write(data, promise: promise)
    }
}
