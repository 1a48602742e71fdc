import CDeflate
import ReleaseDefinition

/// Turns one piece of the stream into one gzip member: header time 0, no name, so that the bytes depend on nothing but
/// the piece, the compressor's version and the level. Source: RFC 1952 2.2. One for each thread.
final class MemberCompressor {
    static let levels = 1...12
    /// libdeflate is linked statically: the version of its header is the version that runs.
    static let name = "libdeflate " + LIBDEFLATE_VERSION_STRING

    private let compressor: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer

    /// - Throws: `packaging.compressor.level`, `packaging.compressor`.
    init(level: Int) throws {
        try Self.check(level)
        guard let compressor = libdeflate_alloc_compressor(Int32(level)) else { throw Self.failure("no memory") }
        self.compressor = compressor
        output = .allocate(
            byteCount: libdeflate_gzip_compress_bound(compressor, ContentCutter.sizeMax), alignment: 16)
    }

    deinit {
        libdeflate_free_compressor(compressor)
        output.deallocate()
    }

    /// Of at most `ContentCutter.sizeMax` bytes.
    func member(of piece: UnsafeRawBufferPointer) throws -> [UInt8] {
        let count = libdeflate_gzip_compress(
            compressor, piece.baseAddress, piece.count, output.baseAddress, output.count)
        guard count > 0 else { throw Self.failure("\(piece.count) bytes do not fit in \(output.count)") }
        return Array(output[..<count])
    }

    static func check(_ level: Int) throws {
        guard levels.contains(level) else {
            throw PackagingError(
                code: "compressor.level",
                summary:
                    "The compression level is \(level), it goes from \(levels.lowerBound) to \(levels.upperBound).",
                remedy: "Name a level in between, or none for \(PackageBuilder.levelDefault).")
        }
    }

    private static func failure(_ cause: String) -> PackagingError {
        PackagingError(
            code: "compressor", summary: "The compression library refused to work.", remedy: "Check free memory.",
            cause: "\(name): \(cause)")
    }
}
