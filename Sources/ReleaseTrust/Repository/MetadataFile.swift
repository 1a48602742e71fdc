import ReleaseDefinition

/// A file of the repository's `metadata/` folder, as it is published: `1.root.json`, `timestamp.json`, ….
public struct MetadataFile: Hashable, Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// The only one that is ever replaced; every other is immutable.
    public static let timestampName = "timestamp.json"
    public var isMutable: Bool { name == Self.timestampName }

    /// `3.root.json`: the consistent-snapshot name of a role's version. TUF 6.2; the role is percent-encoded whole.
    public static func name(role: String, version: Int64) -> String { "\(version).\(encoded(role)).json" }

    /// `root.json`: the name under which a client keeps the newest trusted version of a role.
    public static func storedName(role: String) -> String { "\(encoded(role)).json" }

    /// Everything but RFC 3986's unreserved characters is escaped, `/` too: with what is put around it, a role's name is
    /// always one component and never `.` or `..`.
    public static func encoded(_ role: String) -> String {
        var text: [UInt8] = []
        for byte in role.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                text.append(byte)
            default: text.append(contentsOf: "%\(Hexadecimal.encode([byte]).uppercased())".utf8)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
