import ReleaseDefinition

/// The form of an index: lines of canonical JSON, first one head, then a line for each member, then one for each entry.
/// `zcat` and `jq` read it, a difference of two shows what changed. It is written and read byte by byte: a tree of JSON
/// values for ten thousand lines would cost more than the payload's own digests.
extension PayloadIndex {
    static let format = "slipway.index/2"

    /// The text. What is published is its gzip form: `compressed(_:)`.
    public var bytes: [UInt8] {
        var text = LineText()
        // Two digests of 64 digits in each member, one and a path in each entry.
        text.bytes.reserveCapacity(members.count * 210 + entries.count * 230 + 128)
        text.add("{\"entries\":", entries.count, ",\"format\":\"\(Self.format)\",\"members\":", members.count, "}\n")
        for member in members { text.add(member) }
        for entry in entries { text.add(entry) }
        return text.bytes
    }

    /// Reads the text of an index and checks it against the record that binds it: what passes can be unpacked without
    /// surprise. There is one form only: other spacing, order or escapes are refused.
    ///
    /// - Throws: `packaging.index.digest`, `.syntax` (with the line), `.bounds`, `.order`, `.parent`, and
    ///   `packaging.path.…`.
    public init(parsing bytes: [UInt8], for record: PayloadRecord) throws {
        guard BlobReference(of: bytes) == record.indexText else {
            throw Self.refuse("digest", "is not the one that the manifest binds")
        }
        self = try bytes.withUnsafeBytes { try Self.read(IndexLines($0), for: record) }
        try checkLengths(record)
        try checkTree()
    }

    private static func read(_ start: IndexLines, for record: PayloadRecord) throws -> PayloadIndex {
        var lines = start
        try lines.expect("{\"entries\":")
        let entryCount = try lines.integer()
        try lines.expect(",\"format\":\"\(format)\",\"members\":")
        let memberCount = try lines.integer()
        try lines.endLine()
        guard entryCount == Int64(record.fileCount), entryCount <= Int64(entriesMax),
            (1...Int64(membersMax)).contains(memberCount)
        else {
            throw refuse("syntax", "has a head that does not fit \(record.fileCount) entries")
        }
        var index = PayloadIndex(members: [], entries: [])
        // Each line has at least 16 bytes: what the head claims is not believed before.
        index.members.reserveCapacity(min(Int(memberCount), lines.count / 16))
        index.entries.reserveCapacity(min(Int(entryCount), lines.count / 16))
        for _ in 0..<memberCount { index.members.append(try lines.member()) }
        for _ in 0..<entryCount { index.entries.append(try lines.entry()) }
        guard lines.isAtEnd else { throw refuse("syntax", "goes on after its last entry") }
        return index
    }

    private func checkLengths(_ record: PayloadRecord) throws {
        var (compressed, tar) = (Int64(0), Int64(0))
        for member in members {
            // Bounded one by one and in number: the sums cannot overflow.
            guard (1...Int64(ContentCutter.sizeMax)).contains(member.tar.length.value),
                (1...Int64(ContentCutter.sizeMax + 1024)).contains(member.compressed.length.value)
            else {
                throw Self.refuse(
                    "bounds",
                    "has a member of \(member.compressed.length.value) bytes for \(member.tar.length.value), at most"
                        + " \(ContentCutter.sizeMax) are allowed")
            }
            compressed += member.compressed.length.value
            tar += member.tar.length.value
        }
        let layout = try TarLayout(entries)
        guard compressed == record.compressed.length.value, tar == record.tar.length.value, tar == layout.length else {
            throw Self.refuse(
                "bounds",
                "has members of \(compressed) and \(tar) bytes and entries of \(layout.length), the manifest binds"
                    + " \(record.compressed.length.value) and \(record.tar.length.value)")
        }
    }

    /// Ascending, so no name twice; each entry's folder is a folder and stands before it.
    private func checkTree() throws {
        var folders: Set<EntryPath> = []
        var last: EntryPath?
        for entry in entries {
            if let last, !(last < entry.path) {
                throw Self.refuse("order", "has \(PathFlaw.shown(entry.path.text)) after \(PathFlaw.shown(last.text))")
            }
            if let parent = entry.path.parent, !folders.contains(parent) {
                throw Self.refuse("parent", "has \(PathFlaw.shown(entry.path.text)) but no folder that holds it")
            }
            if entry.content == .directory { folders.insert(entry.path) }
            last = entry.path
        }
    }

    static func refuse(_ code: String, _ what: String, line: Int? = nil, cause: String? = nil) -> PackagingError {
        PackagingError(
            code: "index.\(code)", summary: "The index \(what)\(line.map { " (line \($0))" } ?? "").",
            remedy: "Nothing of it is installed. The publisher builds the package again.", cause: cause)
    }
}

extension PayloadEntry {
    static func isAccountName(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 32 else { return false }
        let isLetter = { (byte: UInt8) in (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_") }
        return isLetter(first)
            && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }
}

/// Writes the lines of an index.
private struct LineText {
    var bytes: [UInt8] = []
    private var lastInstant: (UTCInstant, [UInt8])?

    mutating func add(_ head: String, _ entries: Int, _ middle: String, _ members: Int, _ end: String) {
        add(head)
        add(Int64(entries))
        add(middle)
        add(Int64(members))
        add(end)
    }

    mutating func add(_ member: PayloadMember) {
        add("{\"length\":")
        add(member.compressed.length.value)
        add(",\"sha256\":\"")
        add(member.compressed.sha256)
        add("\",\"tarLength\":")
        add(member.tar.length.value)
        add(",\"tarSHA256\":\"")
        add(member.tar.sha256)
        add("\"}\n")
    }

    mutating func add(_ entry: PayloadEntry) {
        add("{\"changedAt\":\"")
        if lastInstant?.0 != entry.changedAt {
            lastInstant = (entry.changedAt, Array(entry.changedAt.description.utf8))
        }
        bytes += lastInstant?.1 ?? []
        if let group = entry.group { add("\",\"group\":\"\(group)") }
        add("\",\"mode\":\"")
        for shift in [9, 6, 3, 0] { bytes.append(0x30 + UInt8(truncatingIfNeeded: entry.mode >> shift & 7)) }
        if let owner = entry.owner { add("\",\"owner\":\"\(owner)") }
        add("\",\"path\":\"")
        add(escaped: entry.path.text)
        switch entry.content {
        case .directory: add("\",\"type\":\"directory\"}\n")
        case .link(let target):
            add("\",\"target\":\"")
            add(escaped: target.text)
            add("\",\"type\":\"link\"}\n")
        case .file(let blob):
            add("\",\"sha256\":\"")
            add(blob.sha256)
            add("\",\"size\":")
            add(blob.length.value)
            add(",\"type\":\"file\"}\n")
        }
    }

    private mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }
    private mutating func add(_ number: Int64) { bytes.append(contentsOf: String(number).utf8) }

    private mutating func add(_ digest: SHA256Digest) {
        digest.hexDigits { bytes.append($1) }
    }

    private mutating func add(escaped text: String) {
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
    }
}
