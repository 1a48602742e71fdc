/// What is asked of a number that the service, or a Prometheus that watches it, tells. `${NAME}` in the address, in a label's
/// value and in the query is the host's variable.
public struct MetricProbe: Sendable, Equatable, Codable {
    /// Of a page of metrics; of a Prometheus' answer to a query.
    public static let pageSizeMax = ByteCount(4 << 20)
    public static let answerSizeMax = ByteCount(1 << 20)
    /// Characters of a query; UTF-8 bytes of a series.
    public static let questionBounds = 1...4000

    /// Of the page with the series, as `http://127.0.0.1:8080/metrics`; of a query: of the Prometheus, without `/api/v1`.
    public var url: String
    public var question: MetricQuestion
    public var limit: MetricLimit

    public init(url: String, question: MetricQuestion, limit: MetricLimit) {
        self.url = url
        self.question = question
        self.limit = limit
    }

    /// An answer that is no one number does not pass: what cannot be asked is not known to be healthy.
    /// - Returns: with both values, as "0.07, below 0.05 is good".
    public func judge(_ answer: MetricAnswer) -> (passed: Bool, detail: String) {
        switch (answer, question) {
        case (.number(let value), _) where !value.isNaN:
            return (limit.takes(value), "\(question) is \(GateEvaluation.text(value)), \(limit) is good")
        case (.number, _): return (false, "\(question) is not a number (NaN)")
        case (.nothing, .series): return (false, "the page has no \(question)")
        case (.nothing, .query): return (false, "\(question) has no data")
        case (.series(let count), .series):
            return (false, "\(question) is told by \(count) series, one is needed: name more of its labels")
        case (.series(let count), .query):
            return (false, "\(question) has \(count) series, one is needed: sum them")
        case (.refused(let why), _), (.unreachable(let why), _): return (false, why)
        }
    }
}

/// `{"series":"errors{code=\"500\"}"}` of a page, or `{"query":"sum(rate(errors[1m]))"}`.
public enum MetricQuestion: Sendable, Equatable, Codable, CustomStringConvertible {
    case series(MetricSeries)
    /// PromQL, whose answer is one number.
    case query(String)

    private enum Keys: String, CodingKey { case series, query }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a metric's question") {
        case .series: self = .series(try container.decode(MetricSeries.self, forKey: .series))
        case .query: self = .query(try container.decode(String.self, forKey: .query))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .series(let series): try container.encode(series, forKey: .series)
        case .query(let query): try container.encode(query, forKey: .query)
        }
    }

    public var description: String {
        switch self {
        case .series(let series): series.text
        case .query(let query): query
        }
    }
}

/// What a good number is: `{"below":"0.05"}`.
public enum MetricLimit: Sendable, Equatable, Codable, CustomStringConvertible {
    case below(DecimalNumber)
    case above(DecimalNumber)
    case equals(DecimalNumber)

    private enum Keys: String, CodingKey { case below, above, equals }

    func takes(_ value: Double) -> Bool {
        switch self {
        case .below(let limit): value < limit.value
        case .above(let limit): value > limit.value
        case .equals(let limit): value == limit.value
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        switch try container.onlyKey(of: "a metric's limit") {
        case .below: self = .below(try container.decode(DecimalNumber.self, forKey: .below))
        case .above: self = .above(try container.decode(DecimalNumber.self, forKey: .above))
        case .equals: self = .equals(try container.decode(DecimalNumber.self, forKey: .equals))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        switch self {
        case .below(let limit): try container.encode(limit, forKey: .below)
        case .above(let limit): try container.encode(limit, forKey: .above)
        case .equals(let limit): try container.encode(limit, forKey: .equals)
        }
    }

    public var description: String {
        switch self {
        case .below(let limit): "below \(limit)"
        case .above(let limit): "above \(limit)"
        case .equals(let limit): "equal to \(limit)"
        }
    }
}
