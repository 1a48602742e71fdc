import ReleaseDefinition

/// The form of an index: lines of canonical JSON, first one head, then a line for each member, then one for each entry.
/// `jq` reads it, a difference of two shows what changed, and neither side ever holds more than a line's tree of values.
extension PayloadIndex {
    private static let format = "slipway.index/1"

    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func line(_ members: [JSONMember]) {
            bytes += JSONValue.object(members).canonicalBytes
            bytes.append(UInt8(ascii: "\n"))
        }
        line([
            JSONMember("entries", .integer(Int64(entries.count))), JSONMember("format", .string(Self.format)),
            JSONMember("members", .integer(Int64(members.count))),
        ])
        for member in members {
            line([
                JSONMember("length", .integer(member.compressed.length.value)),
                JSONMember("sha256", .string(member.compressed.sha256.hex)),
                JSONMember("tarLength", .integer(member.tar.length.value)),
                JSONMember("tarSHA256", .string(member.tar.sha256.hex)),
            ])
        }
        for entry in entries { line(entry.json) }
        return bytes
    }

    /// Reads an index and checks it against the record that binds it: what passes can be unpacked without surprise.
    ///
    /// - Throws: `packaging.index.digest`, `.syntax` (with the line), `.bounds`, `.order`, `.parent`, and
    ///   `packaging.path.…`.
    public init(parsing bytes: [UInt8], for record: PayloadRecord) throws {
        guard BlobReference(of: bytes) == record.index else {
            throw Self.refuse("digest", "is not the one that the manifest binds")
        }
        var lines = IndexLines(bytes)
        let head = try lines.next(JSONLimits.head)
        guard head["format"]?.stringValue == Self.format, head.objectValue?.count == 3,
            let entryCount = head["entries"]?.integerValue, let memberCount = head["members"]?.integerValue,
            entryCount == Int64(record.fileCount), (1...Int64(Self.membersMax)).contains(memberCount)
        else {
            throw Self.refuse("syntax", "has no head that fits \(record.fileCount) entries of format \(Self.format)")
        }
        members = []
        for _ in 0..<memberCount { members.append(try PayloadMember(json: try lines.next(.head), line: lines.number)) }
        entries = []
        for _ in 0..<entryCount { entries.append(try PayloadEntry(json: try lines.next(.entry), line: lines.number)) }
        guard lines.isAtEnd else { throw Self.refuse("syntax", "goes on after its last entry") }
        try checkLengths(record)
        try checkTree()
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

extension JSONLimits {
    fileprivate static let head = JSONLimits(bytesMax: 512, depthMax: 1)
    /// A path and a target, each byte of them escaped at worst, and what else stands in a line.
    fileprivate static let entry = JSONLimits(bytesMax: 8192, depthMax: 1)
}

/// Cuts the index into lines.
private struct IndexLines {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var number = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func next(_ limits: JSONLimits) throws -> JSONValue {
        number += 1
        let rest = bytes[position...].prefix(limits.bytesMax + 1)
        guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
            throw PayloadIndex.refuse("syntax", "ends early or has a line that is too long", line: number)
        }
        defer { position = end + 1 }
        do { return try JSONValue(parsing: bytes[position..<end], limits: limits) } catch {
            throw PayloadIndex.refuse("syntax", "cannot be read", line: number, cause: error.description)
        }
    }
}

extension PayloadMember {
    fileprivate init(json: JSONValue, line: Int) throws {
        guard json.objectValue?.count == 4, let length = json["length"]?.integerValue,
            let sha256 = json["sha256"]?.stringValue, let tarLength = json["tarLength"]?.integerValue,
            let tarSHA256 = json["tarSHA256"]?.stringValue, length >= 0, tarLength >= 0
        else { throw PayloadIndex.refuse("syntax", "has no member where one is expected", line: line) }
        do {
            self.init(
                compressed: BlobReference(sha256: try SHA256Digest(hex: sha256), length: ByteCount(length)),
                tar: BlobReference(sha256: try SHA256Digest(hex: tarSHA256), length: ByteCount(tarLength)))
        } catch {
            throw PayloadIndex.refuse("syntax", "has a digest that is none", line: line, cause: error.description)
        }
    }
}

extension PayloadEntry {
    fileprivate var json: [JSONMember] {
        var members = [
            JSONMember("changedAt", .string(changedAt.description)),
            JSONMember("mode", .string(Self.text(mode))), JSONMember("path", .string(path.text)),
        ]
        switch content {
        case .directory: members.append(JSONMember("type", .string("directory")))
        case .link(let target):
            members += [JSONMember("target", .string(target.text)), JSONMember("type", .string("link"))]
        case .file(let blob):
            members += [
                JSONMember("sha256", .string(blob.sha256.hex)), JSONMember("size", .integer(blob.length.value)),
                JSONMember("type", .string("file")),
            ]
        }
        if let owner { members.append(JSONMember("owner", .string(owner))) }
        if let group { members.append(JSONMember("group", .string(group))) }
        return members
    }

    fileprivate init(json: JSONValue, line: Int) throws {
        func refuse(_ what: String, cause: String? = nil) -> PackagingError {
            PayloadIndex.refuse("syntax", what, line: line, cause: cause)
        }
        guard let path = json["path"]?.stringValue, let mode = json["mode"]?.stringValue,
            let changedAt = json["changedAt"]?.stringValue, let type = json["type"]?.stringValue
        else { throw refuse("has no entry where one is expected") }
        guard let bits = UInt16(mode, radix: 8), bits <= 0o777, Self.text(bits) == mode else {
            throw refuse("has the mode \(PathFlaw.shown(mode)), no permission bits")
        }
        self.path = try EntryPath(path)
        self.mode = bits
        owner = try Self.account(json["owner"], line)
        group = try Self.account(json["group"], line)
        var count = 4 + (owner == nil ? 0 : 1) + (group == nil ? 0 : 1)
        do {
            self.changedAt = try UTCInstant(changedAt)
            switch (type, json["size"]?.integerValue, json["sha256"]?.stringValue, json["target"]?.stringValue) {
            case ("directory", nil, nil, nil): content = .directory
            case ("link", nil, nil, let target?):
                content = .link(try LinkTarget(target, from: self.path))
                count += 1
            case ("file", let size?, let sha256?, nil) where size >= 0:
                content = .file(BlobReference(sha256: try SHA256Digest(hex: sha256), length: ByteCount(size)))
                count += 2
            default: throw refuse("has an entry of type \(PathFlaw.shown(type)) whose members do not fit")
            }
        } catch let error as DefinitionError {
            throw refuse("has a value that is none", cause: error.description)
        }
        guard json.objectValue?.count == count else { throw refuse("has an entry with unknown members") }
    }

    /// Four octal digits, as in a manifest.
    private static func text(_ mode: UInt16) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    /// A name for the host's account database; never a number, which another host could give to somebody else.
    private static func account(_ value: JSONValue?, _ line: Int) throws -> String? {
        guard let value else { return nil }
        guard let name = value.stringValue, isAccountName(name) else {
            throw PayloadIndex.refuse("syntax", "has an owner or group that is no account name", line: line)
        }
        return name
    }

    static func isAccountName(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 32 else { return false }
        let isLetter = { (byte: UInt8) in (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_") }
        return isLetter(first)
            && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
