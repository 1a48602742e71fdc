import NIOCore
import NIOHTTPTypes

/// Closes a connection that asks again and again before it has an answer: requests of one read are decoded at once, and each
/// waits in memory for those before it. Our clients ask one after the other; browsers do too.
///
/// What came of a body in one read goes on in pieces of one size: in chunks of a byte each would hold a hundred, and of pieces
/// as large as reads ten may wait for a route that does not take them. With `ConnectionBuffers` they are a few dozen KiB.
final class PipelineWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    static let requestsMax = 4
    static let pieceMax = 4 << 10

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
            var rest = body ?? ByteBuffer()
            if rest.readableBytes == 0 { rest = piece } else { rest.writeBuffer(&piece) }
            body = nil
            while rest.readableBytes >= Self.pieceMax, let whole = rest.readSlice(length: Self.pieceMax) {
                context.fireChannelRead(wrapInboundOut(.body(whole)))
            }
            if rest.readableBytes > 0 { body = rest }
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
        guard !isClosed else { return }
        // A small one would keep all of what it was read with.
        let isSlim = piece.storageCapacity <= Self.pieceMax
        context.fireChannelRead(wrapInboundOut(.body(isSlim ? piece : ByteBuffer(buffer: piece))))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { waiting -= 1 }
        context.write(data, promise: promise)
    }
}
