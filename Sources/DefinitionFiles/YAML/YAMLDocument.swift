import ReleaseDefinition
import Yams

/// Text to `YAMLNode`, refusing what makes YAML dangerous or ambiguous: anchors, aliases, tags, merge keys, several
/// documents, duplicate keys, and sizes beyond the bounds here.
struct YAMLDocument {
    static let bytesMax = 1 << 20
    static let depthMax = 16
    static let nodesMax = 50_000
    /// Places that could be aliases, counted before the text is composed. A YAML composer compares keys by value, and
    /// nested aliases make that value exponential; 16 aliases can make it 400 times larger at most.
    static let aliasesMax = 16

    let file: String
    private var nodeCount = 0
    private var problems: [DefinitionProblem] = []

    /// The top mapping's node.
    static func read(_ text: [UInt8], file: String) throws(DefinitionProblems) -> YAMLNode {
        var document = YAMLDocument(file: file)
        guard let checked = document.check(text), let root = document.compose(checked) else {
            throw DefinitionProblems(document.problems)
        }
        return root
    }

    private init(file: String) { self.file = file }

    /// The bytes as text, once their size, encoding and number of aliases are in bounds.
    private mutating func check(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= Self.bytesMax else {
            refuse(
                "size", line: 0, found: "\(ByteCount(bytes.count))", expected: "at most \(ByteCount(Self.bytesMax))",
                remedy: "Check that this is the right file; data belongs in the unit's source folder.")
            return nil
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            refuse(
                "encoding", line: 1, found: "a byte order mark", expected: "plain UTF-8",
                remedy: "Save the file as UTF-8 without a byte order mark.")
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            refuse(
                "encoding", line: Self.lineOfFirstInvalidByte(bytes), found: "bytes that are not UTF-8",
                expected: "UTF-8", remedy: "Save the file as UTF-8.")
            return nil
        }
        if let line = Self.lineOfAliasBeyondMax(bytes) {
            refuse(
                "alias", line: line, found: "more than \(Self.aliasesMax) words that begin with '*'",
                expected: "no aliases", remedy: "Write each value out where it is used.")
            return nil
        }
        return text
    }

    private mutating func compose(_ text: String) -> YAMLNode? {
        do {
            // `.basic` guesses no types. The parser must outlive the walk: nodes hold their anchors weakly.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            let root = try parser.singleRoot()
            guard let root else {
                refuse(
                    "empty", line: 0, found: "no content", expected: "a mapping of keys to values",
                    remedy: "docs/definition-files.md and docs/policy.md have complete examples.")
                return nil
            }
            let node = withExtendedLifetime(parser) { convert(root, depth: 0, line: 1) }
            return problems.isEmpty ? node : nil
        } catch let error as YamlError {
            refuse(error)
        } catch {
            refuse(
                "syntax", line: 0, found: "text that the YAML reader refuses (\(error))", expected: "YAML",
                remedy: "Check the file with a YAML tool.")
        }
        return nil
    }

    private mutating func convert(_ node: Node, depth: Int, line outer: Int) -> YAMLNode {
        let line = node.mark?.line ?? outer
        let column = node.mark?.column ?? 0
        let nothing = YAMLNode(content: .text("", isQuoted: false), line: line)
        nodeCount += 1
        guard nodeCount <= Self.nodesMax, depth <= Self.depthMax else {
            if problems.isEmpty {
                let isDeep = depth > Self.depthMax
                refuse(
                    isDeep ? "depth" : "size", line: line,
                    found: isDeep ? "nesting deeper than \(Self.depthMax)" : "more than \(Self.nodesMax) values",
                    expected: isDeep ? "at most \(Self.depthMax) levels" : "at most \(Self.nodesMax) values",
                    remedy: "Check that this is the right file.")
            }
            return nothing
        }
        // An alias is composed as the anchored value itself, so stopping here bounds the walk.
        if let anchor = node.anchor {
            refuse(
                "alias", line: line, found: "the anchor or alias \(quote(anchor.rawValue))",
                expected: "no anchors and aliases", remedy: "Write the value out where it is used.")
            return nothing
        }
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain && scalar.style != .any
            checkTag(scalar.tag, .str, line: line)
            return YAMLNode(content: .text(scalar.string, isQuoted: isQuoted), line: line, column: column)
        case .sequence(let sequence):
            checkTag(sequence.tag, .seq, line: line)
            return YAMLNode(
                content: .list(sequence.map { convert($0, depth: depth + 1, line: line) }), line: line,
                column: column)
        case .mapping(let mapping):
            checkTag(mapping.tag, .map, line: line)
            return YAMLNode(
                content: .mapping(convertMembers(mapping, depth: depth, line: line)), line: line, column: column)
        case .alias: return nothing
        }
    }

    private mutating func convertMembers(_ mapping: Node.Mapping, depth: Int, line: Int) -> [YAMLMember] {
        var members: [YAMLMember] = []
        var lines: [String: Int] = [:]
        for (key, value) in mapping {
            let keyLine = key.mark?.line ?? line
            let name = convert(key, depth: depth + 1, line: keyLine)
            guard case .text(let text, _) = name.content else {
                refuse(
                    "key.form", line: keyLine, found: name.found, expected: "a word as key",
                    remedy: "Write KEY: VALUE.")
                continue
            }
            if text == "<<" {
                refuse(
                    "alias", line: keyLine, found: "the merge key \"<<\"", expected: "no merge keys",
                    remedy: "Write the values out where they are used.")
                continue
            }
            if let first = lines.updateValue(keyLine, forKey: text) {
                refuse(
                    "key.duplicate", line: keyLine, found: "\(quote(text)) again, first on line \(first)",
                    expected: "each key once", remedy: "Keep one of the two.")
                continue
            }
            members.append(
                YAMLMember(
                    key: text, line: keyLine, column: key.mark?.column ?? 0,
                    value: convert(value, depth: depth + 1, line: keyLine)))
        }
        return members
    }

    /// The parser writes the tag of its kind onto a value that has none, so that one cannot be told from `!!str`.
    private mutating func checkTag(_ tag: Tag, _ implied: Tag.Name, line: Int) {
        let name = tag.description
        guard !name.isEmpty, name != implied.rawValue else { return }
        refuse(
            "tag", line: line, found: "the tag \(quote(name))", expected: "no tags",
            remedy: "Remove it; the key decides how its value is read.")
    }

    private mutating func refuse(
        _ code: String, line: Int, found: String, expected: String, remedy: String
    ) {
        problems.append(
            DefinitionProblem(
                code: "yaml.\(code)", file: file, line: line, path: "", found: found, expected: expected,
                remedy: remedy))
    }
}

extension YAMLDocument {
    private mutating func refuse(_ error: YamlError) {
        let remedy = "Check indentation, quotes and brackets on this line and the one before."
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if problem.contains("undefined alias") || context?.text.hasSuffix("scanning an alias") == true {
                refuse(
                    "alias", line: mark.line, found: "an alias", expected: "no anchors and aliases",
                    remedy: "Write the value out where it is used, or put it in quotes if it begins with '*'.")
            } else if problem.contains("another document") {
                refuse(
                    "documents", line: mark.line, found: "a second document", expected: "one document",
                    remedy: "Remove what follows '---', or put it in a file of its own.")
            } else {
                refuse(
                    "syntax", line: mark.line, found: Self.words(problem, context), expected: "YAML", remedy: remedy)
            }
        case .duplicatedKeysInMapping(let names, let context):
            let keys = names.map(quote).joined(separator: ", ")
            refuse(
                "key.duplicate", line: context.mark.line, found: "\(keys) more than once in one mapping, first here",
                expected: "each key once", remedy: "Keep one of them.")
        case .reader(let problem, _, _, _):
            refuse(
                "syntax", line: 0, found: problem, expected: "YAML text",
                remedy: "Remove control characters from the file.")
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            refuse("syntax", line: 0, found: "\(error)", expected: "YAML", remedy: remedy)
        }
    }

    /// The library's words, fit to follow "found": `unexpected end of stream (while scanning a quoted scalar, line 3)`.
    private static func words(_ problem: String, _ context: YamlError.Context?) -> String {
        var words = problem
        for (start, replacement) in [("found ", ""), ("did not find expected", "no")] where words.hasPrefix(start) {
            words = replacement + words.dropFirst(start.count)
        }
        return context.map { "\(words) (\($0.text), line \($0.mark.line))" } ?? words
    }

    private static func lineOfFirstInvalidByte(_ bytes: [UInt8]) -> Int {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let position = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
        return (position ?? 0) + 1
    }

    /// An alias is '*' and a word, at the start of a token.
    private static func lineOfAliasBeyondMax(_ bytes: [UInt8]) -> Int? {
        var (line, count) = (1, 0)
        var before = UInt8(ascii: "\n")
        for (position, byte) in bytes.enumerated() {
            let startsToken = before <= 0x20 || "[{,:?-".utf8.contains(before)
            let follows = position + 1 < bytes.count ? bytes[position + 1] : 0
            if byte == UInt8(ascii: "*"), startsToken, follows > 0x20, follows != UInt8(ascii: "*") {
                count += 1
                if count > aliasesMax { return line }
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
            before = byte
        }
        return nil
    }
}
