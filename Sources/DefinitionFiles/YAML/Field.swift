import ReleaseDefinition

enum PlacePrecision { case line, column }

/// The problems of one file while it is read; a class because every reader of a part adds to the same list.
final class ProblemList {
    let file: String
    /// Whether problems name the column as well as the line.
    let precision: PlacePrecision
    /// The time zones that there are; empty: nobody looked.
    let zones: [String]
    private(set) var problems: [DefinitionProblem] = []

    init(file: String, precision: PlacePrecision = .line, zones: [String] = []) {
        self.file = file
        self.precision = precision
        self.zones = zones
    }

    func add(
        _ code: String, line: Int, column: Int = 0, path: String, found: String, expected: String, remedy: String
    ) {
        let column = precision == .column && column > 0 ? column : nil
        problems.append(
            DefinitionProblem(
                code: code, file: file, line: line, column: column, path: path, found: found, expected: expected,
                remedy: remedy))
    }

    /// The value, or every problem. A value is nil only where a problem says why.
    func finish<Value>(_ value: Value?) throws(DefinitionProblems) -> Value {
        if let value, problems.isEmpty { return value }
        if problems.isEmpty {
            add(
                "unreadable", line: 0, path: "", found: "a file that cannot be read", expected: "a definition",
                remedy: "This is a defect of Slipway: please report it with the file.")
        }
        throw DefinitionProblems(problems)
    }
}

/// A value in a definition file together with where it stands. Each reading method answers nil after it has added a
/// problem, so that reading goes on and every problem is found.
struct Field {
    var node: YAMLNode
    /// `units[0].health`
    var path: String
    var list: ProblemList

    var line: Int { node.line }

    /// Adds a problem about this value and answers nil.
    func refuse<Value>(
        _ code: String, found: String? = nil, expected: String, remedy: String
    ) -> Value? {
        list.add(
            code, line: line, column: node.column, path: path, found: found ?? node.found, expected: expected,
            remedy: remedy)
        return nil
    }

    /// Where a rule between values is broken: both sides stand in `found`.
    func refuseRule(_ code: String, found: String, expected: String, remedy: String) {
        list.add(
            "rule.\(code)", line: line, column: node.column, path: path, found: found, expected: expected,
            remedy: remedy)
    }

    /// A text of one line, 1 to `lengthMax` characters, without control characters.
    func text(lengthMax: Int = 200, what: String = "a text", remedy: String? = nil) -> String? {
        let isPrintable = { (scalar: Unicode.Scalar) in scalar.value >= 0x20 && scalar.value != 0x7F }
        guard case .text(let text, _) = node.content, !text.isEmpty, text.count <= lengthMax,
            text.unicodeScalars.allSatisfy(isPrintable)
        else {
            let form = "Write 1 to \(lengthMax) characters on one line."
            return refuse("value.text", expected: what, remedy: remedy ?? form)
        }
        return text
    }

    /// A value that has a reader of its own in `ReleaseDefinition`; the problem takes over its remedy, and which part of
    /// the text it is about.
    func value<Value>(_ what: String, _ read: (String) throws(DefinitionError) -> Value) -> Value? {
        guard case .text(let text, _) = node.content else {
            return refuse("value.form", expected: what, remedy: "Write one word.")
        }
        do {
            return try read(text)
        } catch {
            let found = error.cause.map { "\(node.found) (\($0))" }
            return refuse("value.form", found: found, expected: what, remedy: error.remedy)
        }
    }

    func name<Name: CheckedName>(_ type: Name.Type) -> Name? {
        value("\(Name.what.first == "e" ? "an" : "a") \(Name.what)") { text throws(DefinitionError) in try Name(text) }
    }

    func integer(_ range: ClosedRange<Int>) -> Int? {
        guard case .text(let text, isQuoted: false) = node.content, let value = Field.decimal(text),
            range.contains(value)
        else {
            return refuse(
                "value.integer", expected: "a whole number from \(range.lowerBound) to \(range.upperBound)",
                remedy: "Write it in digits without quotes.")
        }
        return value
    }

    func span(_ range: ClosedRange<TimeSpan>) -> TimeSpan? {
        let expected = "a length of time from \(range.lowerBound) to \(range.upperBound)"
        guard let span = value(expected, { text throws(DefinitionError) in try TimeSpan(text) }) else { return nil }
        guard range.contains(span) else {
            return refuse("value.span", expected: expected, remedy: "Choose a value in that range.")
        }
        return span
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type, reserved: [String: String] = [:]
    ) -> Choice? where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue)
        let expected = words.count == 1 ? words[0] : "one of \(words.joined(separator: ", "))"
        guard case .text(let text, _) = node.content else {
            return refuse("value.choice", expected: expected, remedy: "Write one of these words.")
        }
        if let choice = Choice(rawValue: text) { return choice }
        if let reason = reserved[text] {
            return refuse("reserved", found: quote(text), expected: expected, remedy: reason)
        }
        let meant = nearest(to: text, of: words).map { "Did you mean \($0)?" }
        return refuse("value.choice", expected: expected, remedy: meant ?? "Write one of these words.")
    }

    /// The elements that can be read; a problem for every other.
    func elements<Element>(
        countMax: Int, what: String, _ read: (Field) -> Element?
    ) -> [Element]? {
        guard case .list(let nodes) = node.content else {
            return refuse("value.list", expected: "a list of \(what)", remedy: "Write \"- \" before each, or [ … ].")
        }
        guard nodes.count <= countMax else {
            return refuse(
                "value.list", found: "\(nodes.count) elements", expected: "at most \(countMax)",
                remedy: "Split the release or the list.")
        }
        return nodes.enumerated().compactMap { index, node in
            read(Field(node: node, path: "\(path)[\(index)]", list: list))
        }
    }

    /// Digits only, no sign, no leading zero.
    static func decimal(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text == "0" || !text.hasPrefix("0")
        else { return nil }
        return Int(text)
    }
}
