import Effects
import ReleaseDefinition

/// Bytes that come one after another.
public protocol ByteSource {
    /// The next bytes; 0 only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int

    /// Passes over bytes without reading them, if it can; false if they must be read. Going past the end shows at the next
    /// read.
    func skip(_ count: Int64) throws -> Bool
}

extension ByteSource {
    public func skip(_ count: Int64) throws -> Bool { false }
}

extension OpenFile: ByteSource {}

/// A file with a position of its own, which can pass over what nobody wants to read.
final class SeekingSource: ByteSource {
    private let file: OpenFile
    private(set) var position: Int64 = 0

    init(_ file: OpenFile) { self.file = file }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try file.read(at: position, into: buffer)
        position += Int64(count)
        return count
    }

    func skip(_ count: Int64) throws -> Bool {
        let (sum, overflow) = position.addingReportingOverflow(count)
        guard !overflow else { return false }
        position = sum
        return true
    }
}

/// An array as a source.
public final class ByteArraySource: ByteSource {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - position)
        bytes.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        position += count
        return count
    }
}

/// What an archive may hold at most.
public struct ArchiveLimits: Sendable, Equatable {
    public var entriesMax: Int
    /// Of all files together.
    public var sizeMax: ByteCount

    public init(entriesMax: Int = 200_000, sizeMax: ByteCount = ByteCount(8 << 30)) {
        self.entriesMax = entriesMax
        self.sizeMax = sizeMax
    }
}

/// Reads a tar stream strictly: files, folders and relative links of the ustar format, with pax only where ustar cannot say
/// it. Everything else is refused with a code of its own before it has any effect. Never holds more than a block.
///
/// - Throws (all members): `packaging.archive.…`, `packaging.path.…`, and what the source throws.
struct TarReader<Source: ByteSource> {
    /// Whether each folder must stand in the archive before what it holds.
    enum Folders { case required, implied }

    private let source: Source
    private let limits: ArchiveLimits
    private let folders: Folders
    private var block = [UInt8](repeating: 0, count: TarFormat.blockSize)
    /// What was seen so far; true for folders.
    private var seen: [EntryPath: Bool] = [:]
    private var count = 0
    private var size: Int64 = 0
    /// Of the current entry: content that was not read yet, and the padding behind it.
    private(set) var contentLeft: Int64 = 0
    private var padding = 0

    init(_ source: Source, limits: ArchiveLimits, folders: Folders = .required) {
        self.source = source
        self.limits = limits
        self.folders = folders
    }

    /// The next entry; nil at the end of the archive, after whose two blocks of zeros only zeros may follow.
    mutating func next() throws -> TarEntry? {
        try skipContent()
        try fillBlock()
        if block.allSatisfy({ $0 == 0 }) {
            try finish()
            return nil
        }
        var header = try TarHeader(block)
        var records = PaxRecords()
        if header.type == UInt8(ascii: "x") {
            records = try readRecords(header)
            try fillBlock()
            header = try TarHeader(block)
            guard header.type != UInt8(ascii: "x") else { throw refuse("pax", "has two pax headers in a row") }
        }
        let entry = try header.entry(records)
        try admit(entry)
        contentLeft = entry.size
        padding = TarFormat.padding(after: entry.size)
        return entry
    }

    /// The next bytes of the current file; 0 at its end.
    mutating func readContent(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard contentLeft > 0 else { return 0 }
        let room = UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<Int(clamping: min(Int64(buffer.count), contentLeft))])
        let got = try source.read(into: room)
        guard got > 0 else { throw truncated() }
        contentLeft -= Int64(got)
        return got
    }

    /// All of the current file.
    mutating func readAll(sizeMax: ByteCount) throws -> [UInt8] {
        guard contentLeft <= sizeMax.value else {
            throw refuse("size", "has an entry of \(contentLeft) bytes, at most \(sizeMax.value) are read")
        }
        var bytes: [UInt8] = []
        // Memory follows the data, not the header's claim.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while case let got = try readContent(into: buffer), got > 0 { bytes += buffer[..<got] }
        return bytes
    }

    private mutating func skipContent() throws {
        if contentLeft > 0, try source.skip(contentLeft) { contentLeft = 0 }
        if contentLeft > 0 {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
            defer { buffer.deallocate() }
            while try readContent(into: buffer) > 0 {}
        }
        guard padding > 0 else { return }
        let zeros = try readExactly(padding)
        padding = 0
        guard zeros.allSatisfy({ $0 == 0 }) else { throw refuse("padding", "has data where padding must be zeros") }
    }

    /// Limits, names seen before and what the entry lies in.
    private mutating func admit(_ entry: TarEntry) throws {
        count += 1
        guard count <= limits.entriesMax else {
            throw refuse("entries", "has more than the allowed \(limits.entriesMax) entries")
        }
        let (sum, overflow) = size.addingReportingOverflow(entry.size)
        guard !overflow, sum <= limits.sizeMax.value else {
            throw refuse("size", "has files of more than the allowed \(limits.sizeMax) in all")
        }
        size = sum
        guard seen[entry.path] == nil else { throw refuse("duplicate", "has \(shown(entry.path)) twice") }
        var parent = entry.path.parent
        while let folder = parent {
            switch (seen[folder], folders) {
            case (true?, .required): parent = nil
            case (true?, .implied): parent = folder.parent
            case (false?, _):
                throw refuse("parent", "has \(shown(entry.path)) below \(shown(folder)), which is no folder")
            case (nil, .required):
                throw refuse("parent", "has \(shown(entry.path)) before its folder \(shown(folder))")
            case (nil, .implied):
                seen[folder] = true
                parent = folder.parent
            }
        }
        seen[entry.path] = entry.content == .directory
    }

    private mutating func readRecords(_ header: TarHeader) throws -> PaxRecords {
        let size = try header.size()
        // Two names and a number, and what stands around them.
        guard (1...4096).contains(size) else { throw refuse("pax", "has a pax header of \(size) bytes") }
        let bytes = try readExactly(Int(size))
        let zeros = try readExactly(TarFormat.padding(after: size))
        guard zeros.allSatisfy({ $0 == 0 }) else { throw refuse("padding", "has data where padding must be zeros") }
        return try PaxRecords(bytes)
    }

    private mutating func finish() throws {
        try fillBlock()
        guard block.allSatisfy({ $0 == 0 }) else { throw refuse("trailing", "goes on after a block of zeros") }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 12, alignment: 16)
        defer { buffer.deallocate() }
        var trailing = 0
        while case let got = try source.read(into: buffer), got > 0 {
            trailing += got
            // Other tars fill up their last record of 10 KiB.
            guard trailing <= 20 << 9, buffer[..<got].allSatisfy({ $0 == 0 }) else {
                throw refuse("trailing", "has data after its end")
            }
        }
    }

    private mutating func fillBlock() throws { block = try readExactly(TarFormat.blockSize) }

    private func readExactly(_ count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let got = try source.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<count])
                )
                guard got > 0 else { throw truncated() }
                filled += got
            }
        }
    }

    private func truncated() -> PackagingError {
        TarRefusal.error("truncated", "ends in the middle, after \(count) entries", remedy: "Send or copy it again.")
    }

    private func refuse(_ code: String, _ what: String) -> PackagingError { TarRefusal.error(code, what) }
    private func shown(_ path: EntryPath) -> String { PathFlaw.shown(path.text) }
}

enum TarRefusal {
    static func error(
        _ code: String, _ what: String,
        remedy: String = "Nothing of it is used. Make the archive with slipway, from files, folders and relative links."
    ) -> PackagingError {
        PackagingError(code: "archive.\(code)", summary: "The archive \(what).", remedy: remedy)
    }
}
