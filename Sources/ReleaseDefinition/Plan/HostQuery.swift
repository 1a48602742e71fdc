/// Which hosts are meant, by labels: one grammar for command line, API, console and policy.
///
///     query = or ;  or = and { "or" and } ;  and = not { "and" not } ;  not = [ "not" ] term
///     term  = "(" query ")" | "all" | KEY | KEY "=" VALUE | KEY "!=" VALUE | KEY "in" "(" VALUE { "," VALUE } ")"
///
/// A bare KEY holds where the host has the label with any value but `false`. `id` is the host's id.
public struct HostQuery: Sendable, Hashable, Codable, CustomStringConvertible {
    public let text: String
    let expression: Expression

    indirect enum Expression: Sendable, Hashable {
        case all
        case has(String)
        case oneOf(String, [String])
        case not(Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
    }

    public static let all = HostQuery(text: "all", expression: .all)

    private init(text: String, expression: Expression) {
        self.text = text
        self.expression = expression
    }

    /// - Throws: `definition.hostQuery`, with the word at which reading stopped.
    public init(_ text: String) throws(DefinitionError) {
        var parser = HostQueryParser(text)
        self.init(text: text, expression: try parser.parse())
    }

    public func matches(id: HostID, labels: [String: String]) -> Bool {
        Self.evaluate(expression) { $0 == "id" ? id.text : labels[$0] }
    }

    static func evaluate(_ expression: Expression, _ label: (String) -> String?) -> Bool {
        switch expression {
        case .all: true
        case .has(let key): label(key).map { $0 != "false" } ?? false
        case .oneOf(let key, let values): label(key).map(values.contains) ?? false
        case .not(let inner): !evaluate(inner, label)
        case .and(let left, let right): evaluate(left, label) && evaluate(right, label)
        case .or(let left, let right): evaluate(left, label) || evaluate(right, label)
        }
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}

private struct HostQueryParser {
    private let text: String
    private var words: [String]
    private var depth = 0

    init(_ text: String) {
        self.text = text
        words = Self.words(of: text)
    }

    mutating func parse() throws(DefinitionError) -> HostQuery.Expression {
        guard text.utf8.count <= 4096 else { throw refuse("it is longer than 4096 bytes") }
        let expression = try parseOr()
        if let word = words.first { throw refuse("\(word.debugDescription) is unexpected") }
        return expression
    }

    private mutating func parseOr() throws(DefinitionError) -> HostQuery.Expression {
        var left = try parseAnd()
        while take("or") { left = .or(left, try parseAnd()) }
        return left
    }

    private mutating func parseAnd() throws(DefinitionError) -> HostQuery.Expression {
        var left = try parseNot()
        while take("and") { left = .and(left, try parseNot()) }
        return left
    }

    private mutating func parseNot() throws(DefinitionError) -> HostQuery.Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 32 else { throw refuse("it is nested deeper than 32 levels") }
        if take("not") { return .not(try parseNot()) }
        if take("(") {
            let inner = try parseOr()
            guard take(")") else { throw refuse("')' is missing") }
            return inner
        }
        return try parseTerm()
    }

    private mutating func parseTerm() throws(DefinitionError) -> HostQuery.Expression {
        let key = try word("a label")
        if key == "all" { return .all }
        if take("=") { return .oneOf(key, [try word("a value")]) }
        if take("!=") { return .not(.oneOf(key, [try word("a value")])) }
        guard take("in") else { return .has(key) }
        guard take("(") else { throw refuse("'(' is expected after 'in'") }
        var values = [try word("a value")]
        while take(",") { values.append(try word("a value")) }
        guard take(")") else { throw refuse("')' is missing") }
        return .oneOf(key, values)
    }

    private mutating func word(_ expected: String) throws(DefinitionError) -> String {
        guard let word = words.first else { throw refuse("\(expected) is expected at the end") }
        guard Self.isWord(word), !["and", "or", "not", "in"].contains(word) else {
            throw refuse("\(expected) is expected where \(word.debugDescription) stands")
        }
        words.removeFirst()
        return word
    }

    private mutating func take(_ word: String) -> Bool {
        guard words.first == word else { return false }
        words.removeFirst()
        return true
    }

    private static func isWord(_ word: String) -> Bool {
        word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "/"), UInt8(ascii: ":"):
                true
            default: false
            }
        }
    }

    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var current = ""
        func flush() {
            if !current.isEmpty { words.append(current) }
            current = ""
        }
        for character in text {
            switch character {
            case " ", "\t": flush()
            case "(", ")", ",":
                flush()
                words.append(String(character))
            case "=":
                let isNot = current.hasSuffix("!")
                if isNot { current.removeLast() }
                flush()
                words.append(isNot ? "!=" : "=")
            default: current.append(character)
            }
        }
        flush()
        return words
    }

    private func refuse(_ what: String) -> DefinitionError {
        DefinitionError(
            code: "hostQuery", summary: "The host query \(text.debugDescription) cannot be read: \(what).",
            remedy: "Write it as: role=web and zone in (a,b) and not pinned.")
    }
}
