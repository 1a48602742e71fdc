import NIOCore
import NIOPosix
import NIOSSL

/// What comes on a connection, in order.
enum LoadEvent {
    /// The bytes of the whole head are counted.
    case head(status: Int, tag: String?)
    case body(ByteBuffer)
    case end
    case closed
}

/// Reads responses of HTTP/1.1 that have a length or come in chunks: what our servers send.
struct ResponseReader {
    private enum State {
        case head
        case body(Int)
        case chunkHead
        case chunk(Int)
        case chunkEnd
    }

    struct Malformed: Error {}

    private var state = State.head
    private var pending = ByteBuffer()
    private(set) var headBytes = 0

    mutating func read(_ bytes: inout ByteBuffer, _ event: (LoadEvent) -> Void) throws {
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeBuffer(&bytes) }
        while pending.readableBytes > 0 {
            switch state {
            case .head:
                guard let end = endOfHead() else { return }
                try readHead(end, event)
            case .body(let left):
                guard let part = pending.readSlice(length: min(left, pending.readableBytes)) else { return }
                event(.body(part))
                state = left == part.readableBytes ? .head : .body(left - part.readableBytes)
                if left == part.readableBytes { event(.end) }
            case .chunkHead:
                guard let line = readLine() else { return }
                guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else { throw Malformed() }
                state = size == 0 ? .chunkEnd : .chunk(size)
            case .chunk(let left):
                guard let part = pending.readSlice(length: min(left, pending.readableBytes)) else { return }
                event(.body(part))
                state = left == part.readableBytes ? .chunkEnd : .chunk(left - part.readableBytes)
                if left == part.readableBytes { isLast = false }
            case .chunkEnd:
                guard readLine() != nil else { return }
                state = isLast ? .head : .chunkHead
                if isLast { event(.end) }
                isLast = true
            }
        }
    }

    /// Whether the chunk whose end is read now has no bytes.
    private var isLast = true

    private func endOfHead() -> Int? {
        let view = pending.readableBytesView
        var index = view.startIndex
        while let found = view[index...].firstIndex(of: 0x0A) {
            if found - view.startIndex >= 3, view[found - 2] == 0x0A { return found - view.startIndex + 1 }
            index = found + 1
        }
        return nil
    }

    private mutating func readLine() -> String? {
        guard let end = pending.readableBytesView.firstIndex(of: 0x0A) else { return nil }
        let line = pending.readString(length: end - pending.readerIndex + 1) ?? ""
        return String(line.dropLast(line.hasSuffix("\r\n") ? 1 : 1))
    }

    private mutating func readHead(_ length: Int, _ event: (LoadEvent) -> Void) throws {
        headBytes = length
        let text = pending.readString(length: length) ?? ""
        let lines = text.split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Malformed()
        }
        var (size, isChunked, tag) = (0, false, String?.none)
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-length": size = Int(value) ?? 0
            case "transfer-encoding": isChunked = value == "chunked"
            case "etag": tag = String(value)
            default: break
            }
        }
        event(.head(status: status, tag: tag))
        if isChunked {
            (state, isLast) = (.chunkHead, true)
        } else if size == 0 || status == 304 {
            event(.end)
        } else {
            state = .body(size)
        }
    }
}

/// Passes on what comes, on the channel's event loop.
final class LoadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var reader = ResponseReader()
    private let receive: (LoadEvent) -> Void
    private(set) var bytes = 0

    init(_ receive: @escaping (LoadEvent) -> Void) { self.receive = receive }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        bytes += buffer.readableBytes
        do { try reader.read(&buffer, receive) } catch { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { receive(.closed) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

enum LoadConnection {
    /// Each gives as many ports as there are.
    private static let addresses = 16

    /// - Parameter receive: called on the loop, until and with `.closed`.
    static func open(
        _ context: NIOSSLContext, port: Int, number: Int, on loop: any EventLoop,
        receive: @escaping @Sendable (LoadEvent) -> Void
    ) -> EventLoopFuture<any Channel> {
        do {
            return try ClientBootstrap(group: loop)
                .connectTimeout(.seconds(10))
                .bind(to: SocketAddress(ipAddress: "127.0.2.\(1 + number % addresses)", port: 0))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            NIOSSLClientHandler(context: context, serverHostname: nil), LoadHandler(receive),
                        ])
                    }
                }
                .connect(host: "127.0.0.1", port: port)
        } catch {
            return loop.makeFailedFuture(error)
        }
    }
}
