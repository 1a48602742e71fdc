import ReleaseDefinition

/// `{ path: bin/helper, mode: "0755", owner: app, group: app }`
enum AttributeReader {
    private static let keys = KeyTable(known: ["path", "mode", "owner", "group"])

    static func read(_ field: Field) -> PathAttribute? {
        guard let mapping = MappingReader(field, keys, what: "an attribute") else { return nil }
        let path = mapping.required("path", example: "path: bin/helper") { $0.treePath("the path it is for") }
        let mode = mapping.optional("mode", default: UInt16?.none) { readMode($0).map(Optional.some) }
        let owner = mapping.optional("owner", default: String?.none) { readAccount($0).map(Optional.some) }
        let group = mapping.optional("group", default: String?.none) { readAccount($0).map(Optional.some) }
        if !["mode", "owner", "group"].contains(where: mapping.has) {
            mapping.refuseRule(
                at: "path", "attribute", found: "neither mode nor owner nor group", expected: "one of them at least",
                remedy: "Add mode: \"0755\", or remove the entry.")
        }
        guard let path, let mode, let owner, let group else { return nil }
        return PathAttribute(path: path, mode: mode, owner: owner, group: group)
    }

    /// Quoted octal digits, so that no reader takes them for decimal. Set-user-id and set-group-id are refused: a release
    /// must not bring a way to more rights.
    private static func readMode(_ field: Field) -> UInt16? {
        guard case .text(let text, isQuoted: true) = field.node.content, (3...4).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x37).contains($0) }), let mode = UInt16(text, radix: 8), mode <= 0o777
        else {
            return field.refuse(
                "value.mode", expected: "octal digits in quotes, from \"0000\" to \"0777\"",
                remedy: "Write mode: \"0755\".")
        }
        return mode
    }

    /// A name for the host's user or group database; never a number, which means another account on every host.
    private static func readAccount(_ field: Field) -> String? {
        let allowed = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
        }
        guard case .text(let text, _) = field.node.content, (1...32).contains(text.utf8.count),
            let first = text.utf8.first, !(0x30...0x39).contains(first), first != UInt8(ascii: "-"),
            text.utf8.allSatisfy(allowed)
        else {
            return field.refuse(
                "value.account", expected: "the name of an account on the host", remedy: "Write owner: app.")
        }
        return text
    }
}
