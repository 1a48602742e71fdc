import ReleaseDefinition

/// How far words of a host are kept. They go into a log that is never shortened, and whoever has one host's key writes
/// them; so both ends cut them alike, and no report is refused for its length, which would silence the host for ever.
enum WordBound {
    /// A name, a version, a code.
    static let name = 200
    /// A sentence or a few.
    static let words = 4096
}

extension String {
    /// The beginning, of whole characters, and an ellipsis where it is longer.
    public func bounded(_ bytesMax: Int) -> String {
        guard utf8.count > bytesMax else { return self }
        var bytes = Array(utf8.prefix(bytesMax - 3))
        // UTF-8: a character that was cut in two is left out whole.
        if let last = bytes.lastIndex(where: { $0 & 0xC0 != 0x80 }), last + Self.length(of: bytes[last]) > bytes.count {
            bytes.removeSubrange(last...)
        }
        return String(decoding: bytes, as: UTF8.self) + "…"
    }

    /// Of the character that begins with this byte, in bytes.
    private static func length(of first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

    /// The last bytes, beginning with a whole character.
    public func tail(_ countMax: Int) -> String {
        guard utf8.count > countMax else { return self }
        let bytes = utf8.suffix(countMax).drop { $0 & 0xC0 == 0x80 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension ReportedError {
    var bounded: ReportedError {
        ReportedError(
            code: code.bounded(WordBound.name), summary: summary.bounded(WordBound.words),
            remedy: remedy.bounded(WordBound.words), cause: cause?.bounded(WordBound.words))
    }
}

extension HostOutcome {
    var bounded: HostOutcome {
        if case .skipped(let reason) = self { .skipped(reason.bounded(WordBound.words)) } else { self }
    }
}
