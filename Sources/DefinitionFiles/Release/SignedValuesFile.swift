import ReleaseDefinition

/// Reads a file of signed values: `SignedValues` says what may stand in it. Only plain `true`, `false` and whole numbers are
/// more than text; all else is the text that stands there.
public enum SignedValuesFile {
    /// - Parameter file: the name that problems cite.
    /// - Throws: every problem at once, in the order of the lines.
    public static func parse(_ text: [UInt8], file: String) throws(DefinitionProblems) -> SignedValues {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file)
        let field = Field(node: root, path: "", list: list)
        guard case .mapping = root.content else {
            let _: Never? = field.refuse(
                "value.mapping", expected: "values: a mapping", remedy: "Write KEY: VALUE pairs.")
            return try list.finish(nil)
        }
        guard let value = read(field, depth: 0), list.problems.isEmpty else { return try list.finish(nil) }
        do { return try SignedValues(value) } catch {
            list.add(
                "value.values", line: 0, path: "", found: error.summary, expected: "signed values", remedy: error.remedy
            )
            return try list.finish(nil)
        }
    }

    private static func read(_ field: Field, depth: Int) -> JSONValue? {
        guard depth <= SignedValues.depthMax else {
            return field.refuse(
                "value.depth", expected: "at most \(SignedValues.depthMax) levels", remedy: "Write it flatter.")
        }
        switch field.node.content {
        case .text(let text, let isQuoted): return scalar(text, isQuoted: isQuoted, field)
        case .list(let nodes):
            let values = nodes.enumerated().compactMap { index, node in
                read(Field(node: node, path: "\(field.path)[\(index)]", list: field.list), depth: depth + 1)
            }
            return .array(values)
        case .mapping(let members):
            if let secret = members.first(where: { $0.key == "secret" }) { return reference(secret, members, field) }
            return .object(
                members.compactMap { member in
                    let shown = SignedValues.isName(member.key) ? member.key : quote(member.key)
                    let path = field.path.isEmpty ? shown : "\(field.path).\(shown)"
                    let place = Field(node: member.value, path: path, list: field.list)
                    guard SignedValues.isName(member.key) else {
                        return place.refuse(
                            "key.form", found: "the key \(quote(member.key))", expected: "a name",
                            remedy: "Use 1 to 100 letters, digits, '.', '_' and '-'.")
                    }
                    return read(place, depth: depth + 1).map { JSONMember(member.key, $0) }
                })
        }
    }

    private static func scalar(_ text: String, isQuoted: Bool, _ field: Field) -> JSONValue? {
        if !isQuoted {
            switch text {
            case "true": return .bool(true)
            case "false": return .bool(false)
            case "":
                return field.refuse(
                    "value.text", expected: "a value", remedy: "Write \"\" for an empty text, or remove the key.")
            default: break
            }
            // Only what is written back as it stands: 007, 1e3 and +1 stay texts.
            if let number = Int64(text), String(number) == text, number.magnitude < 1 << 53 { return .integer(number) }
        }
        let isPrintable = text.unicodeScalars.allSatisfy {
            $0.value >= 0x20 && $0.value != 0x7F || $0 == "\n" || $0 == "\t"
        }
        guard isPrintable, text.utf8.count <= SignedValues.textMax.value else {
            return field.refuse(
                "value.text", expected: "at most \(SignedValues.textMax) of text without control characters",
                remedy: "Put larger data into the unit's files.")
        }
        return .string(text)
    }

    private static func reference(_ secret: YAMLMember, _ members: [YAMLMember], _ field: Field) -> JSONValue? {
        guard members.count == 1, case .text(let name, _) = secret.value.content, SignedValues.isSecretName(name) else {
            return field.refuse(
                "value.secret", expected: "{ secret: NAME } and nothing beside it",
                remedy: "Name the secret as payments/db-password; its content never stands in a release.")
        }
        return .object([JSONMember("secret", .string(name))])
    }
}

extension SignedValuesFile {
    /// The values of every environment that a definition names, in its order.
    /// - Parameter load: the bytes of a file of the release folder.
    /// - Throws: what `load` throws, and the problems of the first file that has any.
    public static func readAll(
        of definition: ReleaseDefinition, _ load: (_ path: String) throws -> [UInt8]
    ) throws -> [(environment: EnvironmentName, values: SignedValues)] {
        try (definition.values ?? []).map { ($0.environment, try parse(load($0.path), file: $0.path)) }
    }
}
