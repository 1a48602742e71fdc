import CDeflate
import ReleaseDefinition

/// An index travels as `<unit>.index.gz` and is bound twice: as the bytes that are fetched and as the text inside, which a
/// host can also make from a patch and the index it has.
extension PayloadIndex {
    /// Level 9 would save 1 % more in twice the time, which nothing else goes on beside.
    private static let level: Int32 = 7
    /// 258 bytes are said in two bits at least. Source: RFC 1951 3.2.5.
    private static let deflateRatioMax = 1032

    /// The published form of an index's text: one gzip member, time 0, no name.
    static func compressed(_ text: [UInt8]) throws -> [UInt8] {
        guard let compressor = libdeflate_alloc_compressor(level) else { throw outOfMemory }
        defer { libdeflate_free_compressor(compressor) }
        // Not zeroed: what stays empty of so large a buffer is never in memory.
        let bound = libdeflate_gzip_compress_bound(compressor, text.count)
        let bytes = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            count = libdeflate_gzip_compress(compressor, text, text.count, output.baseAddress, bound)
        }
        guard !bytes.isEmpty else { throw outOfMemory }
        return bytes
    }

    /// Keeps an index's text in both forms' places: the published form in the store, the rest is in the record.
    static func add(_ text: [UInt8], to blobs: BlobStore) throws -> (index: BlobReference, text: BlobReference) {
        (try blobs.add(try compressed(text)), BlobReference(of: text))
    }

    /// The text from its published form, both checked; never more than the signed length is written.
    /// - Throws: `packaging.index.digest`.
    public static func text(fromCompressed bytes: [UInt8], for record: PayloadRecord) throws -> [UInt8] {
        guard BlobReference(of: bytes) == record.index else {
            throw refuse("digest", "is not the one that the manifest binds")
        }
        guard let decompressor = libdeflate_alloc_decompressor() else { throw outOfMemory }
        defer { libdeflate_free_decompressor(decompressor) }
        let length = Int(clamping: record.indexText.length.value)
        // Not zeroed: what is claimed and does not come is never in memory. Nor is it asked for where deflate could not
        // say it in so few bytes.
        if length <= bytes.count * deflateRatioMax {
            var isWhole = false
            let text = [UInt8](unsafeUninitializedCapacity: length) { output, count in
                var used = 0
                let result = libdeflate_gzip_decompress_ex(
                    decompressor, bytes, bytes.count, output.baseAddress, length, &used, &count)
                isWhole = result == LIBDEFLATE_SUCCESS && used == bytes.count && count == length
                if !isWhole { count = 0 }
            }
            if isWhole { return text }
        }
        throw refuse("digest", "does not inflate to the signed \(length) bytes")
    }

    /// The text of a unit's index from a store that has it in either form. Its digest is for `init(parsing:for:)` to check.
    /// - Throws: `packaging.blob.…`, `packaging.index.digest`.
    public static func text(of record: PayloadRecord, in blobs: BlobStore) throws -> [UInt8] {
        if try blobs.has(record.indexText) { return try blobs.read(record.indexText) }
        return try text(fromCompressed: try blobs.read(record.index), for: record)
    }

    /// From the published form.
    public init(compressed bytes: [UInt8], for record: PayloadRecord) throws {
        try self.init(parsing: try Self.text(fromCompressed: bytes, for: record), for: record)
    }

    /// A unit's index from a store that has it in either form.
    public init(of record: PayloadRecord, in blobs: BlobStore) throws {
        try self.init(parsing: try Self.text(of: record, in: blobs), for: record)
    }

    private static var outOfMemory: PackagingError {
        PackagingError(
            code: "index.memory", summary: "There is no memory for the index.",
            remedy: "Free some memory and try again.")
    }
}
