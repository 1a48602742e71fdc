import CZlib
import ReleaseDefinition

/// Opens one gzip member whose digest was checked: writes exactly the signed number of bytes or refuses. One for each
/// thread.
final class MemberInflater {
    private let stream: UnsafeMutablePointer<z_stream>

    init() throws {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            stream.deallocate()
            throw ZlibFailure.error("inflateInit2", result)
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Fills `output` from `member`, which must be one whole member of just that length, checksum included.
    /// - Throws: `packaging.payload.member`.
    func inflate(_ member: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws {
        inflateReset(stream)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: member.assumingMemoryBound(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = uInt(member.count)
        stream.pointee.next_out = output.assumingMemoryBound(to: UInt8.self).baseAddress
        stream.pointee.avail_out = uInt(output.count)
        let result = CZlib.inflate(stream, Z_FINISH)
        guard result == Z_STREAM_END, stream.pointee.avail_in == 0, stream.pointee.avail_out == 0 else {
            let what = stream.pointee.msg.map { String(cString: $0) } ?? "result \(result)"
            throw PackagingError(
                code: "payload.member",
                summary: "A member of \(member.count) bytes does not inflate to the signed \(output.count) bytes.",
                remedy: "Nothing of it is installed. The publisher builds the package again.",
                cause: "inflate: \(what), \(stream.pointee.avail_in) bytes of input and room for"
                    + " \(stream.pointee.avail_out) left")
        }
    }
}
