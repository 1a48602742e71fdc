import ReleaseDefinition

/// Looks at the headers of a tar stream on their way to libarchive, which cuts names at a zero byte: one in a long name
/// would be another name for other tools. Follows the blocks, holds one extension header of at most 1 MiB.
final class TarGuard {
    private enum State {
        case header
        case more(type: UInt8, left: Int, padding: Int)
        case skip(Int64)
        case ended
    }

    private let archive: String
    private var state = State.header
    private var held: [UInt8] = []
    /// What a pax header said of the next entry's size.
    private var sizeOverride: Int64?
    /// Whether the next entry has a pax header. A second one would, for libarchive, replace the first, size and all.
    private var hasPax = false

    init(archive: String) { self.archive = archive }

    func look(at bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch state {
            case .ended: return
            case .skip(let left):
                let count = Int(min(left, Int64(rest.count)))
                rest = rest.dropFirst(count)
                state = left == Int64(count) ? .header : .skip(left - Int64(count))
            case .header:
                let count = min(512 - held.count, rest.count)
                held += rest.prefix(count)
                rest = rest.dropFirst(count)
                if held.count == 512 { try readHeader() }
            case .more(let type, let left, let padding):
                let count = min(left, rest.count)
                held += rest.prefix(count)
                rest = rest.dropFirst(count)
                state = .more(type: type, left: left - count, padding: padding)
                if left == count { try readExtension(type, padding) }
            }
        }
    }

    private func readHeader() throws {
        defer { held = [] }
        guard held.contains(where: { $0 != 0 }) else {
            state = .ended
            return
        }
        let sum = held.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 0x20 : Int(held[$1])) }
        guard Self.number(held[148..<156]) == Int64(sum) else {
            throw refuse(
                "damaged", "is damaged or is no tar: a header has the wrong checksum",
                "Copy or make it again; `tar tvf` on it shows whether other tools can read it.")
        }
        let type = held[156]
        guard var size = Self.number(held[124..<136]), size >= 0 else {
            throw refuse("size", "has a header with an impossible size")
        }
        switch type {
        case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "X"), UInt8(ascii: "L"), UInt8(ascii: "K"):
            guard size <= 1 << 20 else { throw refuse("header", "has a header extension of \(size) bytes") }
            if type == UInt8(ascii: "x") || type == UInt8(ascii: "X") {
                guard !hasPax else { throw refuse("header", "has two pax headers in a row") }
                hasPax = true
            }
            let padding = Int((512 - size % 512) % 512)
            if size == 0 { return state = .header }
            state = .more(type: type, left: Int(size), padding: padding)
        case UInt8(ascii: "1")...UInt8(ascii: "6"):
            // Links, devices, folders and pipes have no content, whatever their header says.
            // Only a pax header's word libarchive believes, for a folder too.
            hasPax = false
            guard size == 0 || type == UInt8(ascii: "5"), sizeOverride.take() ?? 0 == 0 else {
                throw refuse("header", "has a link, folder or device with content")
            }
            state = .header
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            // '7' is a file that wants to lie in one piece; POSIX has who cannot promise that treat it as '0'
            // (IEEE 1003.1 pax, ustar typeflag). No host promises it, and nothing of the content depends on it.
            hasPax = false
            size = sizeOverride.take() ?? size
            let (padded, overflow) = size.addingReportingOverflow((512 - size % 512) % 512)
            guard !overflow else { throw refuse("size", "has a header with an impossible size") }
            state = padded == 0 ? .header : .skip(padded)
        default: throw unknown(type)
        }
    }

    /// libarchive takes what it does not know for a file: it would carry a dump's list of names, or a piece of another
    /// archive's file, as content.
    private func unknown(_ type: UInt8) -> ForeignArchiveError {
        if type == UInt8(ascii: "S") {
            return refuse("sparse", "has a sparse file", "Make the archive without --sparse.")
        }
        let shown = (0x21...0x7E).contains(type) ? "\"\(Character(UnicodeScalar(type)))\"" : "number \(type)"
        let known: [Character: String] = [
            "A": "a Solaris access control list: make the archive without lists.",
            "D": "a folder of an incremental dump: make the archive without --incremental.",
            "M": "the rest of a file from another volume: make the archive without --multi-volume.",
            "N": "a table of long names as tar wrote it before 1988: make it anew with --format=gnu.",
            "V": "a volume's label: make the archive without --label.",
        ]
        let meaning = known[Character(UnicodeScalar(type))].map { "This type is \($0)" }
        return refuse(
            "type", "has an entry of the type \(shown), which is neither file, folder nor link",
            meaning
                ?? "Make it anew with `tar --format=gnu` or `--format=ustar` from files, folders and relative links.")
    }

    private func readExtension(_ type: UInt8, _ padding: Int) throws {
        defer { held = [] }
        state = padding == 0 ? .header : .skip(Int64(padding))
        if type == UInt8(ascii: "L") || type == UInt8(ascii: "K") {
            // A name that ends at its first zero.
            let name = held.prefix { $0 != 0 }
            guard held[name.count...].allSatisfy({ $0 == 0 }) else { throw zeroByte() }
            return
        }
        var rest = held[...]
        while let space = rest.firstIndex(of: UInt8(ascii: " ")),
            let length = Int(digits: String(decoding: rest[..<space], as: UTF8.self)),
            length > space - rest.startIndex, length <= rest.count
        {
            let record = rest[space...].prefix(length - (space - rest.startIndex)).dropFirst().dropLast()
            rest = rest.dropFirst(length)
            if record.starts(with: "GNU.sparse.".utf8) {
                throw refuse("sparse", "has a sparse file", "Make the archive without --sparse.")
            }
            if record.starts(with: "path=".utf8) || record.starts(with: "linkpath=".utf8), record.contains(0) {
                throw zeroByte()
            }
            if type != UInt8(ascii: "g"), record.starts(with: "size=".utf8) {
                guard let size = Int64(digits: String(decoding: record.dropFirst(5), as: UTF8.self)) else {
                    throw refuse("size", "has a header with an impossible size")
                }
                sizeOverride = size
            } else if type == UInt8(ascii: "g"), !record.starts(with: "comment=".utf8) {
                // `git archive` writes its commit here; anything else would change every entry behind it.
                throw refuse(
                    "header", "has a global header that changes all entries",
                    "Make it with `tar --format=gnu` or `--format=ustar`.")
            }
        }
        guard rest.isEmpty || rest.allSatisfy({ $0 == 0 }) else { throw refuse("header", "has a damaged pax header") }
    }

    /// Octal digits behind spaces and before spaces and zeros, or base 256 as GNU writes large numbers; nil for anything
    /// else. libarchive reads as far as it understands: what is no number to everybody would put the two out of step.
    private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            guard first == 0x80 else { return nil }
            var value: Int64 = 0
            for byte in field.dropFirst() {
                guard value < 1 << 54 else { return nil }
                value = value << 8 | Int64(byte)
            }
            return value
        }
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != 0 }
        guard field[digits.endIndex...].allSatisfy({ $0 == 0x20 || $0 == 0 }) else { return nil }
        return digits.isEmpty ? 0 : Int64(digits: String(decoding: digits, as: UTF8.self), radix: 8)
    }

    private func zeroByte() -> ForeignArchiveError {
        refuse("name", "has a name with a zero byte in it", "Make it anew; no file system has such a name.")
    }

    private func refuse(
        _ code: String, _ what: String,
        _ remedy: String = "Nothing of it is used. Make it anew from files, folders and relative links."
    ) -> ForeignArchiveError {
        ForeignArchiveError(code, in: archive, what, remedy: remedy)
    }
}

/// A stream that passes a guard.
final class GuardedStream: ByteStream {
    private let source: any ByteStream
    private let guardian: TarGuard

    init(_ source: any ByteStream, _ guardian: TarGuard) {
        self.source = source
        self.guardian = guardian
    }

    func next() throws -> UnsafeRawBufferPointer {
        let bytes = try source.next()
        try guardian.look(at: bytes)
        return bytes
    }
}
