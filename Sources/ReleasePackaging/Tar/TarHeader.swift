import ReleaseDefinition

/// One block of a tar stream as it claims to be; `entry` says what of it is believed.
struct TarHeader {
    let type: UInt8
    private let block: [UInt8]

    /// - Throws: `packaging.archive.format`, `.checksum`.
    init(_ block: [UInt8]) throws {
        self.block = block
        type = block[156]
        guard block[257..<265].elementsEqual(TarFormat.magic) else {
            let isGNU = block[257..<265].elementsEqual("ustar  \u{0}".utf8)
            throw TarRefusal.error(
                "format", isGNU ? "is in GNU's own format, not ustar" : "has a header that is not ustar's")
        }
        guard try number(148..<156, "checksum") == Int64(TarFormat.checksum(block)) else {
            throw TarRefusal.error("checksum", "has a header whose checksum is wrong")
        }
    }

    func size() throws -> Int64 { try number(124..<136, "size") }

    /// - Throws: `packaging.archive.…` for types, modes and sizes that are not allowed, `packaging.path.…`.
    func entry(_ records: PaxRecords) throws -> TarEntry {
        try checkType()
        _ = try (number(108..<116, "user"), number(116..<124, "group"), number(136..<148, "time"))
        let mode = try number(100..<108, "mode")
        guard mode & ~0o1777 == 0 else {
            throw TarRefusal.error(
                "mode", "has an entry of mode 0\(String(mode, radix: 8)), which sets the user or group of who runs it")
        }
        let path = try path(records)
        let size = try fileSize(records)
        let target = try field(157..<257, "link target")
        guard type == UInt8(ascii: "2") || (target.isEmpty && records.target == nil) else {
            throw TarRefusal.error("link", "has an entry with a target that is no link")
        }
        let content: TarEntry.Content
        switch type {
        case UInt8(ascii: "5"): content = .directory
        case UInt8(ascii: "2"): content = .link(try link(target, records, from: path))
        default: content = .file(size: size)
        }
        guard size == 0 || content == .file(size: size) else {
            throw TarRefusal.error("size", "has a folder or link with \(size) bytes of content")
        }
        return TarEntry(path: path, content: content, mode: UInt16(mode & 0o777))
    }

    private func checkType() throws {
        switch type {
        case UInt8(ascii: "0"), 0, UInt8(ascii: "2"), UInt8(ascii: "5"): return
        case UInt8(ascii: "1"): throw TarRefusal.error("hardLink", "has a hard link")
        case UInt8(ascii: "3"), UInt8(ascii: "4"): throw TarRefusal.error("device", "has a device")
        case UInt8(ascii: "6"): throw TarRefusal.error("pipe", "has a named pipe")
        case UInt8(ascii: "L"), UInt8(ascii: "K"): throw TarRefusal.error("longName", "has a long name of GNU's form")
        case UInt8(ascii: "S"): throw TarRefusal.error("sparse", "has a sparse file")
        case UInt8(ascii: "g"): throw TarRefusal.error("global", "has a pax header for all entries")
        default: throw TarRefusal.error("type", "has an entry of the unknown type 0x\(String(type, radix: 16))")
        }
    }

    private func path(_ records: PaxRecords) throws -> EntryPath {
        let (name, prefix) = try (field(0..<100, "name"), field(345..<500, "prefix"))
        guard block[500...].allSatisfy({ $0 == 0 }) else {
            throw TarRefusal.error("format", "has data behind the fields of a header")
        }
        var bytes = prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
        if let long = records.path {
            // A name that differs from what every other tool shows would be a lie.
            guard long.count > 100 else {
                throw TarRefusal.error("pax", "overrides a name that needs no pax header")
            }
            bytes = long
        }
        // ustar's form of a folder; any other trailing slash makes an empty component, which is refused.
        if type == UInt8(ascii: "5"), bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        return try EntryPath(bytes: bytes)
    }

    private func link(_ target: [UInt8], _ records: PaxRecords, from path: EntryPath) throws -> LinkTarget {
        if let long = records.target, long.count <= 100 {
            throw TarRefusal.error("pax", "overrides a link's target that needs no pax header")
        }
        guard let text = String(validating: records.target ?? target, as: UTF8.self) else {
            throw PathFlaw.utf8.error(String(decoding: target, as: UTF8.self))
        }
        return try LinkTarget(text, from: path)
    }

    private func fileSize(_ records: PaxRecords) throws -> Int64 {
        let size = try size()
        guard let large = records.size else { return size }
        guard large > TarFormat.sizeMax, size == 0 else {
            throw TarRefusal.error("pax", "overrides a size that needs no pax header")
        }
        return large
    }

    /// Up to the first zero byte; behind it there must be zeros only, or the name would be a lie.
    private func field(_ range: Range<Int>, _ what: String) throws -> [UInt8] {
        let text = block[range].prefix { $0 != 0 }
        guard block[text.endIndex..<range.upperBound].allSatisfy({ $0 == 0 }) else {
            throw TarRefusal.error("format", "has a header whose \(what) goes on after a zero byte")
        }
        return Array(text)
    }

    /// Octal digits, then spaces or zero bytes. No signs, no base-256: those say what no file of ours needs.
    private func number(_ range: Range<Int>, _ what: String) throws -> Int64 {
        var value: Int64 = 0
        let digits = block[range].prefix { (0x30...0x37).contains($0) }
        for digit in digits { value = value << 3 | Int64(digit & 7) }
        guard !digits.isEmpty, block[digits.endIndex..<range.upperBound].allSatisfy({ $0 == 0 || $0 == 0x20 }) else {
            throw TarRefusal.error("number", "has a header whose \(what) is no octal number")
        }
        return value
    }
}

/// What a pax header says: only what ustar's fields cannot hold.
struct PaxRecords {
    var path: [UInt8]?
    var target: [UInt8]?
    var size: Int64?

    init() {}

    /// `LENGTH KEY=VALUE\n`, again and again.
    /// - Throws: `packaging.archive.pax`, `.sparse`, `.attributes`.
    init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...5).contains(digits.count), digits.first != 0x30,
                let length = Int(String(decoding: digits, as: UTF8.self)), length <= rest.count,
                length > digits.count + 3, rest[rest.startIndex + length - 1] == UInt8(ascii: "\n"),
                rest[digits.endIndex] == 0x20
            else { throw TarRefusal.error("pax", "has a pax header that is damaged") }
            let record = rest[(digits.endIndex + 1)..<(rest.startIndex + length - 1)]
            guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else {
                throw TarRefusal.error("pax", "has a pax header that is damaged")
            }
            try set(String(decoding: record[..<equals], as: UTF8.self), Array(record[(equals + 1)...]))
            rest = rest.dropFirst(length)
        }
    }

    private mutating func set(_ key: String, _ value: [UInt8]) throws {
        switch key {
        case "path" where path == nil: path = value
        case "linkpath" where target == nil: target = value
        case "size" where size == nil:
            guard value.allSatisfy({ (0x30...0x39).contains($0) }), value.count <= 18,
                let number = Int64(String(decoding: value, as: UTF8.self))
            else { throw TarRefusal.error("pax", "has a size in a pax header that is no number") }
            size = number
        case "path", "linkpath", "size": throw TarRefusal.error("pax", "says \(key) twice in a pax header")
        case _ where key.hasPrefix("GNU.sparse."): throw TarRefusal.error("sparse", "has a sparse file")
        case _ where key.hasPrefix("SCHILY.") || key.hasPrefix("LIBARCHIVE.") || key.hasPrefix("RHT."):
            throw TarRefusal.error(
                "attributes", "has the extended attribute \(PathFlaw.shown(key))",
                remedy: "Packages carry no extended attributes: make the archive without them.")
        default: throw TarRefusal.error("pax", "says \(PathFlaw.shown(key)) in a pax header, which is not read")
        }
    }
}
