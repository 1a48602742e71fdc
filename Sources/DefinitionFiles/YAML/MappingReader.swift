import ReleaseDefinition

/// The keys that a mapping may have: those that are read here, and those that the format reserves but this version
/// cannot deploy, each with what to do instead.
struct KeyTable {
    var known: [String]
    var reserved: [String: String] = [:]
}

/// Reads a mapping key by key. Unknown and reserved keys become problems when it is made.
struct MappingReader {
    private let members: [String: YAMLMember]
    let field: Field
    /// A key was refused, so that a missing one is perhaps only misspelt.
    let hasRefusedKeys: Bool

    /// nil, with a problem, when the value is no mapping.
    init?(_ field: Field, _ table: KeyTable, what: String) {
        guard case .mapping(let members) = field.node.content else {
            let keys = table.known.joined(separator: ", ")
            let _: Never? = field.refuse(
                "value.mapping", expected: "\(what): a mapping", remedy: "Write KEY: VALUE pairs; the keys are \(keys)."
            )
            return nil
        }
        self.field = field
        self.members = Dictionary(members.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let refused = members.filter { !table.known.contains($0.key) }
        hasRefusedKeys = !refused.isEmpty
        for member in refused { refuse(member, table) }
    }

    private func refuse(_ member: YAMLMember, _ table: KeyTable) {
        let path = self.path(to: member.key)
        if let reason = table.reserved[member.key] {
            field.list.add(
                "reserved", line: member.line, column: member.column, path: path, found: "the key \"\(member.key)\"",
                expected: "only what this version can deploy", remedy: reason)
            return
        }
        // A word that the format reserves is still a better hint than none.
        let meant = nearest(to: member.key, of: table.known + table.reserved.keys.sorted())
        let keys = "The keys here are \(table.known.joined(separator: ", "))."
        field.list.add(
            "key.unknown", line: member.line, column: member.column, path: path,
            found: "the unknown key \(quote(member.key))",
            expected: "a key of the format", remedy: meant.map { "Did you mean \($0)?" } ?? keys)
    }

    /// A key that is no plain word stands in quotes, so that a path is always one line.
    private func path(to key: String) -> String {
        let isWord =
            key.utf8.count <= 40 && key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }
        let component = isWord ? key : quote(key)
        return field.path.isEmpty ? component : "\(field.path).\(component)"
    }

    func has(_ key: String) -> Bool { members[key] != nil }

    subscript(key: String) -> Field? {
        members[key].map { Field(node: $0.value, path: path(to: key), list: field.list) }
    }

    /// The value, or nil with a problem: the key is missing or its value cannot be read.
    func required<Value>(_ key: String, example: String, _ read: (Field) -> Value?) -> Value? {
        guard let field = self[key] else {
            self.field.list.add(
                "key.missing", line: self.field.line, column: self.field.node.column, path: path(to: key),
                found: "no \(key)",
                expected: "the key \(key)", remedy: "Add \(example).")
            return nil
        }
        return read(field)
    }

    /// The value, the default where the key is absent, or nil with a problem.
    func optional<Value>(_ key: String, default value: Value, _ read: (Field) -> Value?) -> Value? {
        guard let field = self[key] else { return value }
        return read(field)
    }

    /// Where a rule between two keys is broken: both sides stand in `found`.
    func refuseRule(at key: String, _ code: String, found: String, expected: String, remedy: String) {
        let line = members[key]?.line ?? field.line
        let column = members[key]?.column ?? field.node.column
        field.list.add(
            "rule.\(code)", line: line, column: column, path: path(to: key), found: found, expected: expected,
            remedy: remedy)
    }
}

extension Field {
    /// The pairs of a mapping whose keys are the writer's own, in order; a problem for each that cannot be read.
    func pairs<Element>(
        countMax: Int, what: String, _ read: (_ key: Field, _ value: Field) -> Element?
    ) -> [Element]? {
        guard case .mapping(let members) = node.content, !members.isEmpty else {
            return refuse(
                "value.mapping", expected: "\(what): a mapping with one key at least", remedy: "Write KEY: VALUE pairs."
            )
        }
        guard members.count <= countMax else {
            return refuse(
                "value.mapping", found: "\(members.count) keys", expected: "at most \(countMax)",
                remedy: "Split the release.")
        }
        return members.compactMap { member in
            let isWord = member.key.utf8.count <= 40 && member.key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            let place = "\(path).\(isWord ? member.key : quote(member.key))"
            let key = YAMLNode(content: .text(member.key, isQuoted: false), line: member.line, column: member.column)
            return read(Field(node: key, path: place, list: list), Field(node: member.value, path: place, list: list))
        }
    }
}
