import CZlib
import ReleaseDefinition

/// Turns one piece of the stream into one gzip member: header time 0, no name, so that the bytes depend on nothing but
/// the piece and the compressor. Source: RFC 1952 2.2. One for each thread.
final class MemberCompressor {
    static let level = 6
    static var name: String { "zlib " + String(cString: zlibVersion()) }

    // zlib's state points back at the stream, which must therefore not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private var output: [UInt8]

    init() throws {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        output = []
        let result = deflateInit2_(
            stream, Int32(Self.level), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            stream.deallocate()
            throw ZlibFailure.error("deflateInit2", result)
        }
        output = [UInt8](repeating: 0, count: Int(deflateBound(stream, uLong(ContentCutter.sizeMax))))
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// At most `ContentCutter.sizeMax` bytes.
    func member(of piece: UnsafeRawBufferPointer) throws -> [UInt8] {
        deflateReset(stream)
        let result = output.withUnsafeMutableBufferPointer { output in
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: piece.assumingMemoryBound(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = uInt(piece.count)
            stream.pointee.next_out = output.baseAddress
            stream.pointee.avail_out = uInt(output.count)
            return deflate(stream, Z_FINISH)
        }
        guard result == Z_STREAM_END else { throw ZlibFailure.error("deflate", result) }
        return Array(output.prefix(Int(stream.pointee.total_out)))
    }
}

enum ZlibFailure {
    static func error(_ call: String, _ result: Int32) -> PackagingError {
        PackagingError(
            code: "zlib", summary: "The compression library refused to work.",
            remedy: "Check free memory and the installed zlib.", cause: "\(call): \(result)")
    }
}
