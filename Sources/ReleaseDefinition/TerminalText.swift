/// Text of others on a terminal, which obeys what it is shown: escape sequences move the cursor, set titles and fill the
/// clipboard; marks of direction show names as what they are not.
public enum TerminalText {
    /// The same bytes where nothing would be obeyed. Lines and tabs stay; a control character becomes `\x1b`, a mark of direction
    /// `\u202e`. What is no UTF-8 stays: a terminal shows it as damage.
    public static func visible(_ bytes: [UInt8]) -> [UInt8] {
        guard
            bytes.contains(where: {
                ($0 < 0x20 && $0 != 0x0A && $0 != 0x09) || $0 == 0x7F || $0 == 0xC2 || $0 == 0xD8 || $0 == 0xE2
            })
        else { return bytes }
        var shown: [UInt8] = []
        shown.reserveCapacity(bytes.count)
        var place = 0
        while place < bytes.count {
            let byte = bytes[place]
            let second = place + 1 < bytes.count ? bytes[place + 1] : 0
            let third = place + 2 < bytes.count ? bytes[place + 2] : 0
            if (byte < 0x20 && byte != 0x0A && byte != 0x09) || byte == 0x7F {
                shown += "\\x\(Hexadecimal.encode([byte]))".utf8
                place += 1
            } else if byte == 0xC2, (0x80...0x9F).contains(second) {
                shown += "\\x\(Hexadecimal.encode([second]))".utf8
                place += 2
            } else if byte == 0xD8, second == 0x9C {
                shown += "\\u061c".utf8
                place += 2
            } else if byte == 0xE2, turnsDirection(second, third) {
                shown += "\\u20\(Hexadecimal.encode([(second & 0x3F) << 6 | third & 0x3F]))".utf8
                place += 3
            } else {
                shown.append(byte)
                place += 1
            }
        }
        return shown
    }

    /// U+200E, U+200F, U+2028 to U+202E and U+2066 to U+2069, behind 0xE2; lines that end unseen are among them.
    private static func turnsDirection(_ second: UInt8, _ third: UInt8) -> Bool {
        switch second {
        case 0x80: (0x8E...0x8F).contains(third) || (0xA8...0xAE).contains(third)
        case 0x81: (0xA6...0xA9).contains(third)
        default: false
        }
    }
}
