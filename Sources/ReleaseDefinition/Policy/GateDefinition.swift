/// What a gate found out (semantics 9).
public enum GateVerdict: String, Sendable, Codable, CaseIterable {
    case pass, fail
    /// There was an answer, and it decides nothing.
    case inconclusive
    /// The source did not answer, or had nothing to say: no fault of the release.
    case noData = "no-data"
}

/// A question that is asked between two phases. Defined in the policy alone: whoever may start rollouts names gates, and
/// cannot make the controller call addresses or run programs of their own.
public struct GateDefinition: Sendable, Equatable, Codable {
    public var name: GateName
    public var source: GateSource
    public var timeout: TimeSpan

    public init(name: GateName, source: GateSource, timeout: TimeSpan = .seconds(30)) {
        self.name = name
        self.source = source
        self.timeout = timeout
    }
}

public enum GateSource: Sendable, Equatable, Codable {
    case prometheus(PrometheusGate)
    case command(CommandGate)
    case webhook(WebhookGate)

    private enum Keys: String, CodingKey { case prometheus, command, webhook }

    /// `{"prometheus":{…}}`
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a gate's source") {
        case .prometheus: self = .prometheus(try container.decode(PrometheusGate.self, forKey: .prometheus))
        case .command: self = .command(try container.decode(CommandGate.self, forKey: .command))
        case .webhook: self = .webhook(try container.decode(WebhookGate.self, forKey: .webhook))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .prometheus(let gate): try container.encode(gate, forKey: .prometheus)
        case .command(let gate): try container.encode(gate, forKey: .command)
        case .webhook(let gate): try container.encode(gate, forKey: .webhook)
        }
    }
}

/// A PromQL query whose answer is one number.
public struct PrometheusGate: Sendable, Equatable, Codable {
    /// `http://metrics.example:9090`, without `/api/v1`.
    public var url: String
    /// `$hosts` in it becomes the ids of the hosts that have the release, as a pattern: `a|b|c`.
    public var query: String
    public var limit: GateLimit

    public init(url: String, query: String, limit: GateLimit) {
        self.url = url
        self.query = query
        self.limit = limit
    }
}

/// What the number is held against.
public enum GateLimit: Sendable, Equatable, Codable {
    case below(DecimalNumber)
    case above(DecimalNumber)
    /// At most so much above what the same query says with `$hosts` as the hosts that do not have the release yet.
    case worseThanOthersBy(percent: Int)

    private enum Keys: String, CodingKey { case below, above, worseThanOthersBy }

    /// `{"below":"0.01"}`, `{"worseThanOthersBy":10}`
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a gate's limit") {
        case .below: self = .below(try container.decode(DecimalNumber.self, forKey: .below))
        case .above: self = .above(try container.decode(DecimalNumber.self, forKey: .above))
        case .worseThanOthersBy:
            self = .worseThanOthersBy(percent: try container.decode(Int.self, forKey: .worseThanOthersBy))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .below(let number): try container.encode(number, forKey: .below)
        case .above(let number): try container.encode(number, forKey: .above)
        case .worseThanOthersBy(let percent): try container.encode(percent, forKey: .worseThanOthersBy)
        }
    }
}

/// A program in the folder `gates` beside the controller's data: only who owns that machine puts one there.
public struct CommandGate: Sendable, Equatable, Codable {
    public var program: String
    public var arguments: [String]

    public init(program: String, arguments: [String] = []) {
        self.program = program
        self.arguments = arguments
    }
}

/// An address that is asked by POST and answers with a verdict.
public struct WebhookGate: Sendable, Equatable, Codable {
    public var url: String

    public init(url: String) { self.url = url }
}

/// A number as a person wrote it, kept as text so that it is the same in every JSON: `0.01`, `-3`, `250`.
public struct DecimalNumber: Sendable, Hashable, Codable, CustomStringConvertible {
    public let text: String
    public let value: Double

    /// - Throws: `definition.decimal`: at most 20 characters, digits with one point and a sign at most.
    public init(_ text: String) throws(DefinitionError) {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        let isNumber =
            text.utf8.count <= 20 && (1...2).contains(parts.count)
            && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        guard isNumber, let value = Double(text) else {
            throw DefinitionError(
                code: "decimal", summary: "\(text.debugDescription) is no number.",
                remedy: "Write digits with one point at most, as 0.01.")
        }
        self.text = text
        self.value = value
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    public var description: String { text }
}
