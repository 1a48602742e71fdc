import ReleaseDefinition

/// One thing that is wrong in a definition file, with all a person needs to put it right.
public struct DefinitionProblem: Sendable, Equatable, Codable {
    /// Dotted and permanent, as `definitionFiles.key.unknown`.
    public var code: String
    public var file: String
    /// From 1; 0 where the file as a whole is meant.
    public var line: Int
    /// From 1; nil where the line is enough.
    public var column: Int?
    /// `units[0].health[1].http`; empty where the file as a whole is meant.
    public var path: String
    public var found: String
    public var expected: String
    public var remedy: String

    public init(
        code: String, file: String, line: Int, column: Int? = nil, path: String, found: String, expected: String,
        remedy: String
    ) {
        self.code = "definitionFiles." + code
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.found = found
        self.expected = expected
        self.remedy = remedy
    }
}

extension DefinitionProblem: CustomStringConvertible {
    /// `release.yaml:12: units[0].installTo: found "opt/web", expected an absolute path. Write it as "/opt/web".`
    public var description: String {
        let place = line > 0 ? "\(file):\(line)\(column.map { ":\($0)" } ?? "")" : file
        let key = path.isEmpty ? "" : " \(path):"
        return "\(place):\(key) found \(found), expected \(expected). \(remedy)"
    }
}

/// Every problem of one definition file, in the order of its lines. Never empty.
public struct DefinitionProblems: ReportableError, Equatable {
    public var problems: [DefinitionProblem]
    /// Where the file came as a member of a JSON body: which.
    public var pointer: JSONPointer?

    init(_ problems: [DefinitionProblem]) {
        self.problems = problems.enumerated()
            .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
            .map(\.element)
    }

    /// The whole file is meant for another command.
    private var otherKind: DefinitionProblem? { problems.first { $0.code == "definitionFiles.kind" } }

    public var code: String { "definitionFiles.invalid" }

    public var summary: String {
        let file = problems.first?.file ?? "the file"
        if let otherKind { return "\(file) is \(otherKind.found), not \(otherKind.expected)." }
        return problems.count == 1 ? "\(file) has a problem." : "\(file) has \(problems.count) problems."
    }

    public var remedy: String { otherKind?.remedy ?? "Correct the lines named and run the command again." }
    /// One line a problem.
    public var cause: String? { problems.map(\.description).joined(separator: "\n") }

    /// The summary, one line a problem, the remedy.
    public var description: String {
        if otherKind != nil { return "\(summary) \(remedy)" }
        return ([summary] + problems.map { "  \($0)" } + [remedy]).joined(separator: "\n")
    }
}
