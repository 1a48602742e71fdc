import CArchive
import Glibc
import ReleaseDefinition

/// libarchive, reading only: it finds headers and data in a stream. Nothing of it touches a file.
final class LibraryArchive {
    enum Format {
        /// ustar, pax and GNU tar, not compressed.
        case tar
        /// What a `.deb` is on the outside.
        case ar
        /// No archive: what a decompressor makes of the stream.
        case raw
    }

    enum Decompressor: String { case none, zstd, xz, bzip2 }

    /// As messages cite it.
    let name: String
    private let handle: OpaquePointer
    private let source: any ByteStream
    /// What `source` threw inside a callback: it must not be lost on the way through C.
    private var failure: (any Error)?

    /// - Throws: `foreignArchives.library`, and what the stream throws.
    init(_ format: Format, _ source: any ByteStream, _ decompressor: Decompressor = .none, name: String) throws {
        guard let handle = archive_read_new() else { preconditionFailure("libarchive has no memory for a reader") }
        self.handle = handle
        self.name = name
        self.source = source
        let isSupported =
            switch format {
            case .tar: archive_read_support_format_tar(handle)
            case .ar: archive_read_support_format_ar(handle)
            case .raw: archive_read_support_format_raw(handle)
            }
        // A warning means that libarchive would run a program instead: refused.
        let isBuiltIn =
            switch decompressor {
            case .none: ARCHIVE_OK
            case .zstd: archive_read_support_filter_zstd(handle)
            case .xz: archive_read_support_filter_xz(handle)
            case .bzip2: archive_read_support_filter_bzip2(handle)
            }
        guard isSupported == ARCHIVE_OK, isBuiltIn == ARCHIVE_OK else {
            throw ForeignArchiveError(
                "library", in: name, "needs \(decompressor.rawValue), which this machine's libarchive cannot read",
                remedy: "Install the distribution's own libarchive, or pack it anew as .tar.gz.")
        }
        let context = Unmanaged.passUnretained(self).toOpaque()
        let result = locally {
            archive_read_open(
                handle, context, nil,
                { _, context, piece in
                    guard let context, let piece else { return -1 }
                    return Unmanaged<LibraryArchive>.fromOpaque(context).takeUnretainedValue().read(piece)
                }, nil)
        }
        try check(result)
        if format == .raw { try start(decompressor) }
    }

    deinit { archive_read_free(handle) }

    private func read(_ piece: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do {
            let bytes = try source.next()
            piece.pointee = bytes.baseAddress
            return bytes.count
        } catch {
            failure = error
            return -1
        }
    }

    /// A raw stream has one entry: its bytes. Exactly the one decompressor must have been at work.
    private func start(_ decompressor: Decompressor) throws {
        _ = try next()
        let found = archive_filter_code(handle, 0)
        let codes: [Decompressor: Int32] = [
            .none: ARCHIVE_FILTER_NONE, .zstd: ARCHIVE_FILTER_ZSTD, .xz: ARCHIVE_FILTER_XZ,
            .bzip2: ARCHIVE_FILTER_BZIP2,
        ]
        guard found == codes[decompressor], archive_filter_count(handle) <= 2 else {
            throw ForeignArchiveError(
                "kind", in: name,
                "is compressed by \(archive_filter_name(handle, 0).map { String(cString: $0) } ?? "nothing"), its name"
                    + " says \(decompressor.rawValue), once",
                remedy: "Name it as what it is: \(ArchiveKind.list).")
        }
    }

    /// The next header, lent until the next call; nil at the end.
    func next() throws -> ArchiveHeader? {
        var entry: OpaquePointer?
        let result = locally { archive_read_next_header(handle, &entry) }
        if result == ARCHIVE_EOF { return nil }
        // A name outside ASCII cannot be put into the thread's locale: its bytes come unchanged then, and are checked.
        if result == ARCHIVE_WARN, failure == nil, message.hasSuffix("from UTF-8 to current locale.") {
        } else {
            try check(result)
        }
        guard let entry else { throw damaged() }
        return ArchiveHeader(entry: entry)
    }

    /// The current entry's next bytes; nil at its end.
    func nextData() throws -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
        var (start, count, offset): (UnsafeRawPointer?, Int, Int64) = (nil, 0, 0)
        let result = archive_read_data_block(handle, &start, &count, &offset)
        if result == ARCHIVE_EOF { return nil }
        try check(result)
        return (offset, UnsafeRawBufferPointer(start: start, count: count))
    }

    /// How much of the stream it has used.
    var position: Int64 { archive_filter_bytes(handle, 0) }
    /// Where the header that was asked for last begins.
    var headerPosition: Int64 { archive_read_header_position(handle) }

    /// Anything but success is refused: a warning means that something was understood differently from what it says.
    private func check(_ result: Int32) throws {
        if let failure { throw failure }
        guard result == ARCHIVE_OK else { throw damaged() }
    }

    private var message: String { archive_error_string(handle).map { String(cString: $0) } ?? "no reason given" }

    private func damaged() -> ForeignArchiveError {
        ForeignArchiveError(
            "damaged", in: name, "is damaged or is not what its name says",
            remedy:
                "Make or copy it again; `tar tvf` or `dpkg-deb --info` on it shows whether other tools can read it.",
            cause: "libarchive: \(message)")
    }

    /// In the C locale, so that names are bytes whatever the machine's locale is.
    private func locally<Result>(_ body: () throws -> Result) rethrows -> Result {
        let before = uselocale(Self.locale)
        defer { uselocale(before) }
        return try body()
    }

    // Made once, read by every thread, never freed.
    nonisolated(unsafe) private static let locale: locale_t? = newlocale(1 << LC_CTYPE, "C", nil)
}

/// What a decompressor makes of a stream.
final class DecompressedStream: ByteStream {
    private let archive: LibraryArchive

    init(_ decompressor: LibraryArchive.Decompressor, _ source: any ByteStream, name: String) throws {
        archive = try LibraryArchive(.raw, source, decompressor, name: name)
    }

    func next() throws -> UnsafeRawBufferPointer {
        while let (_, bytes) = try archive.nextData() { if !bytes.isEmpty { return bytes } }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

/// The content of an archive's current entry.
final class EntryStream: ByteStream {
    private let archive: LibraryArchive

    init(_ archive: LibraryArchive) { self.archive = archive }

    func next() throws -> UnsafeRawBufferPointer {
        while let (_, bytes) = try archive.nextData() { if !bytes.isEmpty { return bytes } }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }
}
