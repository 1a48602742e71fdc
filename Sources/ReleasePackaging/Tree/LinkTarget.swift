import ReleaseDefinition

/// Where a symbolic link points: relative, and inside the tree however it is resolved.
///
/// `..` may stand only in front, at most as often as the link's own folder is deep. A link lies in a real folder, so the
/// leading `..` lead to a real folder of the tree; what follows only descends, and a link met on the way obeys the same
/// rule. A `..` behind a name could climb out through a link (`a/l -> ..`, then `a/l/../..`): refused.
public struct LinkTarget: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Throws: `packaging.path.…`.
    public init(_ text: String, from link: EntryPath) throws(PackagingError) {
        if let flaw = Self.flaw(of: text, depth: link.components.count - 1) { throw flaw.error(text, of: link) }
        self.text = text
    }

    private static func flaw(of text: String, depth: Int) -> PathFlaw? {
        let bytes = text.utf8
        guard let first = bytes.first else { return .empty }
        if first == UInt8(ascii: "/") { return .absolute }
        if bytes.count > EntryPath.bytesMax { return .length }
        if let flaw = EntryPath.characterFlaw(of: text) { return flaw }
        var (climbed, hasName) = (0, false)
        for component in bytes.split(separator: UInt8(ascii: "/")) {
            if component.count > EntryPath.componentBytesMax { return .length }
            if component.elementsEqual(".".utf8) { continue }
            guard component.elementsEqual("..".utf8) else {
                hasName = true
                continue
            }
            climbed += 1
            if hasName || climbed > depth { return .escape }
        }
        return nil
    }

    public static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }
    public func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }
    public var description: String { text }
}
