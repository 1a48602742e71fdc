import ReleaseDefinition

/// The parts of ustar and pax that we write. Source: POSIX.1-2017 pax, "ustar Interchange Format".
enum TarFormat {
    static let blockSize = 512
    /// Two blocks of zeros.
    static let endSize = 1024
    /// The largest size that eleven octal digits hold.
    static let sizeMax: Int64 = 0o777_7777_7777
    static let magic = Array("ustar\u{0}00".utf8)

    static func padding(after size: Int64) -> Int {
        let rest = Int(size % Int64(blockSize))
        return rest == 0 ? 0 : blockSize - rest
    }

    /// The sum of all header bytes, where the checksum field itself counts as spaces.
    static func checksum(_ header: some Collection<UInt8>) -> Int {
        var (sum, position) = (0, 0)
        for byte in header {
            sum += (148..<156).contains(position) ? 0x20 : Int(byte)
            position += 1
        }
        return sum
    }
}

/// One entry of an archive as its header says it.
public struct TarEntry: Equatable, Sendable {
    public enum Content: Equatable, Sendable {
        case directory
        case file(size: Int64)
        case link(LinkTarget)
    }

    public var path: EntryPath
    public var content: Content
    /// Permission bits, at most 0777.
    public var mode: UInt16

    public init(path: EntryPath, content: Content, mode: UInt16) {
        self.path = path
        self.content = content
        self.mode = mode
    }

    var size: Int64 { if case .file(let size) = content { size } else { 0 } }
}

extension TarEntry {
    /// The header as it stands in the stream: one block, or three and more where a name, a target or a size needs pax.
    /// A function of the entry alone: time 0, owner 0/0 without names.
    func header() -> [UInt8] {
        var path = Array(path.text.utf8)
        if content == .directory { path.append(UInt8(ascii: "/")) }
        var target: [UInt8] = []
        if case .link(let link) = content { target = Array(link.text.utf8) }

        var records: [UInt8] = []
        let names = Self.split(path)
        if names == nil { Self.appendRecord("path", path, to: &records) }
        if target.count > 100 { Self.appendRecord("linkpath", target, to: &records) }
        if size > TarFormat.sizeMax { Self.appendRecord("size", Array(String(size).utf8), to: &records) }

        var header: [UInt8] = []
        if !records.isEmpty {
            header += Self.block(
                type: UInt8(ascii: "x"), name: Array("pax".utf8), prefix: [], mode: 0o644, size: Int64(records.count),
                target: [])
            header += records
            header += repeatElement(0, count: TarFormat.padding(after: Int64(records.count)))
        }
        header += Self.block(
            type: type, name: names?.name ?? Array("long-name".utf8), prefix: names?.prefix ?? [], mode: mode,
            size: size > TarFormat.sizeMax ? 0 : size, target: target.count > 100 ? Array("long-target".utf8) : target)
        return header
    }

    /// Of `header()`, without making one where a block is enough.
    var headerLength: Int {
        if case .link(let target) = content, target.text.utf8.count > 100 { return header().count }
        return path.text.utf8.count < 100 && size <= TarFormat.sizeMax ? TarFormat.blockSize : header().count
    }

    private var type: UInt8 {
        switch content {
        case .file: UInt8(ascii: "0")
        case .link: UInt8(ascii: "2")
        case .directory: UInt8(ascii: "5")
        }
    }

    /// Into at most 100 bytes of name and 155 of prefix, at the first slash that fits both; nil where none does.
    private static func split(_ path: [UInt8]) -> (name: [UInt8], prefix: [UInt8])? {
        if path.count <= 100 { return (path, []) }
        let slash = path.indices.first { index in
            path[index] == UInt8(ascii: "/") && path.count - index - 1 <= 100 && index + 1 < path.count
        }
        guard let slash, slash > 0, slash <= 155 else { return nil }
        return (Array(path[(slash + 1)...]), Array(path[..<slash]))
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts itself.
    private static func appendRecord(_ key: String, _ value: [UInt8], to records: inout [UInt8]) {
        let rest = key.utf8.count + value.count + 3
        var length = rest + 1
        while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
        records += Array("\(length) \(key)=".utf8)
        records += value
        records.append(UInt8(ascii: "\n"))
    }

    private static func block(
        type: UInt8, name: [UInt8], prefix: [UInt8], mode: UInt16, size: Int64, target: [UInt8]
    ) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: TarFormat.blockSize)
        func put(_ bytes: [UInt8], at offset: Int) { block.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        func putOctal(_ value: Int64, digits: Int, at offset: Int) {
            for place in 0..<digits {
                block[offset + place] = 0x30 + UInt8(truncatingIfNeeded: value >> Int64(3 * (digits - 1 - place)) & 7)
            }
        }
        put(name, at: 0)
        putOctal(Int64(mode), digits: 7, at: 100)
        putOctal(0, digits: 7, at: 108)
        putOctal(0, digits: 7, at: 116)
        putOctal(size, digits: 11, at: 124)
        putOctal(0, digits: 11, at: 136)
        block[156] = type
        put(target, at: 157)
        put(TarFormat.magic, at: 257)
        putOctal(0, digits: 7, at: 329)
        putOctal(0, digits: 7, at: 337)
        put(prefix, at: 345)
        let checksum = Int64(TarFormat.checksum(block))
        putOctal(checksum, digits: 6, at: 148)
        put([0, 0x20], at: 154)
        return block
    }
}

extension PayloadEntry {
    /// The entry's header in the payload: modes of directories, links and files are as on the host.
    var tarEntry: TarEntry {
        switch content {
        case .directory: TarEntry(path: path, content: .directory, mode: mode)
        case .file(let blob): TarEntry(path: path, content: .file(size: blob.length.value), mode: mode)
        case .link(let target): TarEntry(path: path, content: .link(target), mode: mode)
        }
    }
}
