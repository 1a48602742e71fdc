import CDeflate
import ReleaseDefinition

/// Opens one gzip member whose digest was checked: writes exactly the signed number of bytes or refuses. One for each
/// thread.
final class MemberInflater {
    private let decompressor: OpaquePointer

    init() throws {
        guard let decompressor = libdeflate_alloc_decompressor() else {
            throw PackagingError(
                code: "compressor", summary: "The compression library refused to work.", remedy: "Check free memory.",
                cause: "\(MemberCompressor.name): no memory")
        }
        self.decompressor = decompressor
    }

    deinit { libdeflate_free_decompressor(decompressor) }

    /// Fills `output` from `member`, which must be one whole member of just that length, checksum included, without a
    /// name, a time or anything else that a header may hold. Never writes beyond `output`, whatever the member claims.
    /// - Throws: `packaging.payload.member`.
    func inflate(_ member: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws {
        guard Self.isHeaderOurs(member) else {
            throw Self.refuse(member, output, "its header is not one that is written here")
        }
        var (taken, written) = (0, 0)
        let result = libdeflate_gzip_decompress_ex(
            decompressor, member.baseAddress, member.count, output.baseAddress, output.count, &taken, &written)
        switch result {
        case LIBDEFLATE_SUCCESS:
            guard taken == member.count, written == output.count else {
                throw Self.refuse(member, output, "it ends after \(taken) bytes and holds \(written)")
            }
        case LIBDEFLATE_INSUFFICIENT_SPACE: throw Self.refuse(member, output, "it holds more")
        default: throw Self.refuse(member, output, "it is damaged")
        }
    }

    /// Deflate, no flags, time 0; which level and which system a writer names is free. Source: RFC 1952 2.3.
    private static func isHeaderOurs(_ member: UnsafeRawBufferPointer) -> Bool {
        member.count >= 18 && member.starts(with: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0])
    }

    private static func refuse(
        _ member: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ cause: String
    ) -> PackagingError {
        PackagingError(
            code: "payload.member",
            summary: "A member of \(member.count) bytes does not inflate to the signed \(output.count) bytes.",
            remedy: "Nothing of it is installed. The publisher builds the package again.", cause: "inflate: \(cause)")
    }
}
