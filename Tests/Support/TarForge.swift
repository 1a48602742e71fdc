/// Writes tar archives that lie. Every field is open to the test; checksums are right unless asked otherwise.
public struct TarForge {
    public var bytes: [UInt8] = []

    public init() {}

    public struct Header {
        public var name: [UInt8] = []
        public var prefix: [UInt8] = []
        public var mode: [UInt8] = Array("0000644".utf8)
        public var size: [UInt8] = Array("00000000000".utf8)
        public var time: [UInt8] = Array("00000000000".utf8)
        public var type = UInt8(ascii: "0")
        public var target: [UInt8] = []
        public var magic: [UInt8] = Array("ustar\u{0}00".utf8)
        public var checksum: [UInt8]?
        public var tail: [UInt8] = []

        public init() {}
    }

    /// An honest file, folder or link; `change` makes it lie.
    public mutating func add(
        _ name: String, type: Character = "0", target: String = "", content: [UInt8] = [],
        _ change: (inout Header) -> Void = { _ in }
    ) {
        var header = Header()
        (header.name, header.type, header.target) = (Array(name.utf8), type.asciiValue ?? 0, Array(target.utf8))
        let size = String(content.count, radix: 8)
        header.size = Array((String(repeating: "0", count: 11 - size.utf8.count) + size).utf8)
        change(&header)
        add(header, content: content)
    }

    public mutating func add(_ header: Header, content: [UInt8] = []) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ field: [UInt8], at offset: Int) {
            for (index, byte) in field.enumerated() { block[offset + index] = byte }
        }
        put(header.name, at: 0)
        put(header.mode, at: 100)
        put(Array("0000000".utf8), at: 108)
        put(Array("0000000".utf8), at: 116)
        put(header.size, at: 124)
        put(header.time, at: 136)
        block[156] = header.type
        put(header.target, at: 157)
        put(header.magic, at: 257)
        put(header.prefix, at: 345)
        put(header.tail, at: 500)
        put(Array(repeating: 0x20, count: 8), at: 148)
        let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        put(
            header.checksum ?? Array((String(repeating: "0", count: 6 - sum.utf8.count) + sum).utf8) + [0, 0x20],
            at: 148)
        bytes += block + content
        bytes += repeatElement(0, count: (512 - content.count % 512) % 512)
    }

    /// A pax header with these records, for the entry that is added next.
    public mutating func pax(_ records: [(String, String)], type: Character = "x") {
        var content: [UInt8] = []
        for (key, value) in records {
            let rest = key.utf8.count + value.utf8.count + 3
            var length = rest + 1
            while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
            content += Array("\(length) \(key)=\(value)\n".utf8)
        }
        add("pax", type: type, content: content)
    }

    public mutating func end() { bytes += repeatElement(0, count: 1024) }
}

extension TarForge {
    /// Other bytes of the same length for the last place where `text` stands.
    public mutating func replaceLast(_ text: String, with replacement: [UInt8]) {
        let wanted = Array(text.utf8)
        for start in stride(from: bytes.count - wanted.count, through: 0, by: -1)
        where bytes[start..<start + wanted.count].elementsEqual(wanted) {
            bytes.replaceSubrange(start..<start + wanted.count, with: replacement)
            return
        }
    }
}
