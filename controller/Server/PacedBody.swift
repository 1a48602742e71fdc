import Hummingbird
import NIOCore

extension ResponseBody {
    /// With what TLS adds it fits into a buffer of 64 KiB, which come in powers of two.
    static let pieceMax = 60 << 10

    /// The same body in small pieces, each of which waits until the one before has come to the connection's event loop. Only
    /// there is it noticed that the connection takes no more for now; who writes faster than the loop comes round, or all at
    /// once, would pile up an answer in memory for each peer that does not read.
    func paced(by loop: any EventLoop) -> ResponseBody {
        let body = self
        return ResponseBody(contentLength: contentLength) { writer in
            try await body.write(PacedWriter(writer: writer, loop: loop))
        }
    }
}

private struct PacedWriter: ResponseBodyWriter {
    var writer: any ResponseBodyWriter
    let loop: any EventLoop

    mutating func write(_ buffer: ByteBuffer) async throws {
        var rest = buffer
        while rest.readableBytes > 0,
            let piece = rest.readSlice(length: min(rest.readableBytes, ResponseBody.pieceMax))
        {
            try await loop.submit {}.get()
            try await writer.write(piece)
        }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { try await writer.finish(trailingHeaders) }
}
