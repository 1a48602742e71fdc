import Glibc
import ReleaseDefinition

/// The path of an entry below the root of a tree or archive: `bin/server`, never `/bin`, `../bin` or `./bin`.
///
/// 1 to 1024 bytes of valid UTF-8, components of 1 to 255 bytes, at most 64 of them; no component `.` or `..`, no
/// control character, backslash or character that reverses the direction of text (a name must be what it looks like).
/// Equality, order and hash are those of the bytes: `String`'s own would merge names that Unicode calls equivalent.
public struct EntryPath: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let bytesMax = 1024
    public static let componentBytesMax = 255
    public static let depthMax = 64

    public let text: String

    /// - Throws: `packaging.path.…` with the rule that is broken.
    public init(_ text: String) throws(PackagingError) {
        if let flaw = Self.flaw(of: text) { throw flaw.error(text) }
        self.text = text
    }

    /// - Throws: `packaging.path.utf8` and what `init(_:)` throws.
    public init(bytes: some Collection<UInt8>) throws(PackagingError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw PathFlaw.utf8.error(String(decoding: bytes, as: UTF8.self))
        }
        try self.init(text)
    }

    public var components: [Substring] { text.split(separator: "/") }
    public var name: Substring { components.last ?? "" }

    /// The directory that holds the entry; nil for an entry of the root.
    public var parent: EntryPath? {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return EntryPath(checked: String(text[..<slash]))
    }

    /// `name` must be a checked component.
    func appending(_ name: String) throws(PackagingError) -> EntryPath { try EntryPath(text + "/" + name) }

    /// Whether this is `other` or lies below it.
    func isAtOrBelow(_ other: EntryPath) -> Bool {
        let (mine, theirs) = (text.utf8, other.text.utf8)
        guard mine.starts(with: theirs) else { return false }
        return mine.count == theirs.count || mine.dropFirst(theirs.count).first == UInt8(ascii: "/")
    }

    private init(checked text: String) { self.text = text }

    public static func == (left: Self, right: Self) -> Bool { compare(left, right) == 0 }
    public static func < (left: Self, right: Self) -> Bool { compare(left, right) < 0 }

    /// Below, at or above 0. Millions of these make a sorted tree.
    private static func compare(_ left: Self, _ right: Self) -> Int {
        var (left, right) = (left.text, right.text)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                guard let one = left.baseAddress, let other = right.baseAddress else { return left.count - right.count }
                let order = memcmp(one, other, min(left.count, right.count))
                return order == 0 ? left.count - right.count : Int(order)
            }
        }
    }

    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    public var description: String { text }
}

/// Why a path or the target of a link is refused.
enum PathFlaw: String {
    case empty, absolute, escape, length, depth, utf8, control, backslash, direction, dots

    /// - Parameter link: where `text` is the target of a link.
    func error(_ text: String, of link: EntryPath? = nil) -> PackagingError {
        let what =
            switch self {
            case .empty: "has an empty component"
            case .absolute: "is absolute"
            case .escape: "leads out of its tree"
            case .length:
                "is too long: at most \(EntryPath.bytesMax) bytes, and \(EntryPath.componentBytesMax) a component"
            case .depth: "lies deeper than \(EntryPath.depthMax) levels"
            case .utf8: "is not valid UTF-8"
            case .control: "holds a control character"
            case .backslash: "holds a backslash"
            case .direction: "holds a character that changes the direction of text"
            case .dots: "holds a component \".\""
            }
        return PackagingError(
            code: "path.\(rawValue)",
            summary: link.map { "The target \(Self.shown(text)) of the link \(Self.shown($0.text)) \(what)." }
                ?? "The path \(Self.shown(text)) \(what).",
            remedy: link == nil
                ? "Rename or remove it in the source and build again; an archive that holds it is not installed."
                : "Packages carry links that are relative and stay in the tree: make it so (`ln -sr`), or remove it and let a"
                    + " hook make the link on the host. An archive that holds it is not installed.")
    }

    static func shown(_ text: String) -> String { EntryPath.shown(text) }
}

extension EntryPath {
    /// Any text in quotes, cut, and fit for one line of a terminal: what is not printed as itself, or turns the direction of
    /// what follows, is escaped.
    public static func shown(_ text: String) -> String {
        var shown = "\""
        let scalars = text.unicodeScalars
        for scalar in scalars.prefix(120) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
                shown += scalar.escaped(asASCII: true)
            default: shown += scalar == "\"" || scalar == "\\" ? "\\\(scalar)" : String(scalar)
            }
        }
        return shown + (scalars.count > 120 ? "…\"" : "\"")
    }

    static func flaw(of text: String) -> PathFlaw? {
        let bytes = text.utf8
        guard let first = bytes.first else { return .empty }
        if first == UInt8(ascii: "/") { return .absolute }
        if bytes.count > bytesMax { return .length }
        if let flaw = characterFlaw(of: text) { return flaw }
        var text = text
        return text.withUTF8 { bytes in
            var (rest, depth) = (bytes[...], 1)
            while let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                if let flaw = flaw(ofComponent: rest[..<slash]) { return flaw }
                rest = rest[(slash + 1)...]
                depth += 1
            }
            return flaw(ofComponent: rest) ?? (depth > depthMax ? .depth : nil)
        }
    }

    private static func flaw(ofComponent bytes: Slice<UnsafeBufferPointer<UInt8>>) -> PathFlaw? {
        switch bytes.count {
        case 0: .empty
        case 1: bytes.elementsEqual(".".utf8) ? .dots : nil
        case 2: bytes.elementsEqual("..".utf8) ? .escape : nil
        default: bytes.count > componentBytesMax ? .length : nil
        }
    }

    static func characterFlaw(of text: String) -> PathFlaw? {
        // Nearly all names are plain: nothing of the rest is in them.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x5C }) { return nil }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x00..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: return .control
            case 0x5C: return .backslash
            case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: return .direction
            default: continue
            }
        }
        return nil
    }
}
