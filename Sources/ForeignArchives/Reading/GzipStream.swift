import CZlib
import ReleaseDefinition

/// What gzip makes of a stream: one member or several. By zlib, as libarchive does not compare the checksums.
/// Source: RFC 1952.
final class GzipStream: ByteStream {
    private let source: any ByteStream
    private let name: String
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
    private var waiting = UnsafeRawBufferPointer(start: nil, count: 0)
    private var isInMember = false
    private var members = 0

    init(_ source: any ByteStream, name: String) {
        self.source = source
        self.name = name
        stream.initialize(to: z_stream())
        // 16: a gzip header and trailer, nothing else.
        let result = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib has no memory for an inflater")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        buffer.deallocate()
    }

    func next() throws -> UnsafeRawBufferPointer {
        while true {
            if waiting.isEmpty { waiting = try source.next() }
            if waiting.isEmpty {
                if isInMember || members == 0 { throw damaged("truncated", "ends in the middle of its gzip stream") }
                return waiting
            }
            if !isInMember, members > 0, waiting.first == 0 {
                try passZeros()
                return UnsafeRawBufferPointer(start: nil, count: 0)
            }
            let count = try inflate()
            if count > 0 { return UnsafeRawBufferPointer(rebasing: buffer[..<count]) }
        }
    }

    private func inflate() throws -> Int {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: waiting.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(waiting.count)
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(buffer.count)
        isInMember = true
        let result = CZlib.inflate(stream, Z_NO_FLUSH)
        waiting = UnsafeRawBufferPointer(rebasing: waiting[(waiting.count - Int(stream.pointee.avail_in))...])
        switch result {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            members += 1
            isInMember = false
            inflateReset(stream)
        default:
            throw damaged(
                "damaged", members == 0 ? "is no gzip stream, or is damaged" : "has data behind its gzip stream",
                cause: stream.pointee.msg.map { "zlib: " + String(cString: $0) })
        }
        return buffer.count - Int(stream.pointee.avail_out)
    }

    /// Tapes pad with zeros; anything else behind the last member is refused.
    private func passZeros() throws {
        var passed = 0
        while !waiting.isEmpty {
            passed += waiting.count
            guard waiting.allSatisfy({ $0 == 0 }), passed <= 1 << 20 else {
                throw damaged("trailing", "has data behind its gzip stream")
            }
            waiting = try source.next()
        }
    }

    private func damaged(_ code: String, _ what: String, cause: String? = nil) -> ForeignArchiveError {
        ForeignArchiveError(
            code, in: name, what, remedy: "Copy or make it again; `gzip -t` on it says the same.", cause: cause)
    }
}
