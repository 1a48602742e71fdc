import NIOCore

/// How fast a peer must take what is written to it.
struct WritePace: Sendable {
    /// As long as something waits to be taken, each stretch of this length is judged by itself.
    var stretch = TimeAmount.seconds(30)
    var bytesPerSecond: Int64 = 1 << 10

    var bytesLeast: Int64 { Int64(Double(stretch.nanoseconds) / 1e9 * Double(bytesPerSecond)) }
}

/// Closes a connection whose peer does not read: what is written to it would be held, with the file or the stream that it
/// comes from, for as long as the peer likes. It stands at the socket, before TLS, and sees what the kernel took.
///
/// An event stream to a host that sleeps ends like that as well; the host comes back by itself.
final class WriteWatch: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A write is credited when the kernel took all of it: in pieces, who takes a large one slowly is seen to take it.
    static let pieceMax = 16 << 10

    private let pace: WritePace
    private var waiting = 0
    private var takenBytes: Int64 = 0
    private var judgement: Scheduled<Void>?

    init(_ pace: WritePace) { self.pace = pace }

    /// So much of what the kernel took may still be unsent: without it megabytes wait there, no more is taken until a third of
    /// them has gone, and who reads slowly looks like who does not read. tcp(7), `TCP_NOTSENT_LOWAT`.
    static let unsentMax = 64 << 10
    private static let unsentLowWater = NIOBSDSocket.Option(rawValue: 25)

    func handlerAdded(context: ChannelHandlerContext) {
        // Where the kernel does not know it, its buffers are as large as they were.
        context.channel.setOption(ChannelOptions.tcpOption(Self.unsentLowWater), value: Self.unsentMax)
            .whenFailure { _ in }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var rest = unwrapOutboundIn(data)
        while rest.readableBytes > Self.pieceMax, let piece = rest.readSlice(length: Self.pieceMax) {
            write(piece, context, nil)
        }
        write(rest, context, promise)
    }

    private func write(_ piece: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let count = Int64(piece.readableBytes)
        let done = promise ?? context.eventLoop.makePromise()
        waiting += 1
        if judgement == nil { judge(context) }
        // Both run on the channel's event loop, which alone touches this handler.
        let watch = NIOLoopBound(self, eventLoop: context.eventLoop)
        done.futureResult.whenComplete { _ in watch.value.taken(count) }
        context.write(wrapOutboundOut(piece), promise: done)
    }

    private func taken(_ count: Int64) {
        waiting -= 1
        takenBytes += count
        guard waiting == 0 else { return }
        judgement?.cancel()
        judgement = nil
    }

    /// After a stretch in which something waited all the time.
    private func judge(_ context: ChannelHandlerContext) {
        takenBytes = 0
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        judgement = context.eventLoop.scheduleTask(in: pace.stretch) {
            let (watch, context) = bound.value
            guard watch.takenBytes >= watch.pace.bytesLeast else { return context.close(promise: nil) }
            watch.judge(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        judgement?.cancel()
        judgement = nil
    }
}
