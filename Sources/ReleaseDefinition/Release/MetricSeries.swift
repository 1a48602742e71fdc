/// A metric's name and labels, as a line of a page of metrics begins: `errors{code="500",zone="a"}`.
///
/// Source: Prometheus' text format 0.0.4, OpenMetrics 1.0 and the quoted names of Prometheus 3.
public struct MetricSeries: Sendable, Equatable, Codable {
    public let name: String
    public let labels: [String: String]
    /// As it was written.
    public let text: String

    /// - Throws: `definition.metricSeries`: 1 to 4000 bytes of a name and, in braces, labels with quoted values.
    public init(_ text: String) throws(DefinitionError) {
        var reader = MetricLineReader(Array(text.utf8)[...])
        guard MetricProbe.questionBounds.contains(text.utf8.count), let (name, labels) = reader.series(),
            reader.rest.isEmpty
        else {
            throw DefinitionError(
                code: "metricSeries", summary: "\(text.debugDescription) is no metric's name with its labels.",
                remedy: "Write it as 'errors_total' or 'errors_total{code=\"500\"}', in single quotes.")
        }
        self.init(name: name, labels: labels, text: text)
    }

    private init(name: String, labels: [String: String], text: String) {
        (self.name, self.labels, self.text) = (name, labels, text)
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// The same with each label's value as `expand` makes it.
    public func expanded<Failure: Error>(
        _ expand: (String) throws(Failure) -> String
    ) throws(Failure) -> MetricSeries {
        var changed = labels
        for (label, value) in labels { changed[label] = try expand(value) }
        guard changed != labels else { return self }
        let pairs = changed.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
        return MetricSeries(name: name, labels: changed, text: "\(name){\(pairs.joined(separator: ","))}")
    }

    /// Whether a line is told of this: the name is the same, and each label that stands here. As in PromQL a label with
    /// an empty value is one that is not there.
    func matches(name: String, labels: [String: String]) -> Bool {
        name == self.name && self.labels.allSatisfy { labels[$0.key] ?? "" == $0.value }
    }
}

/// Reads the parts of one line. Each reader moves `rest` behind what it read and answers nil for what is not one.
struct MetricLineReader {
    private(set) var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line }

    /// A name, labels in braces, or both; the name may stand among the labels in quotes.
    mutating func series() -> (name: String, labels: [String: String])? {
        var name = word(allowsColon: true)
        var labels: [String: String] = [:]
        let afterName = rest
        skipBlanks()
        guard take("{") else {
            rest = afterName
            return name.map { ($0, labels) }
        }
        skipBlanks()
        while !take("}") {
            let isQuoted = rest.first == UInt8(ascii: "\"")
            guard let key = isQuoted ? quoted() : word(allowsColon: false) else { return nil }
            skipBlanks()
            if take("=") {
                skipBlanks()
                guard let value = quoted(), labels.updateValue(value, forKey: key) == nil else { return nil }
            } else {
                guard isQuoted, name == nil, !key.isEmpty else { return nil }
                name = key
            }
            skipBlanks()
            guard take(",") || rest.first == UInt8(ascii: "}") else { return nil }
            skipBlanks()
        }
        return name.map { ($0, labels) }
    }

    /// The value, behind it a time or nothing, behind that an OpenMetrics exemplar or nothing.
    mutating func value() -> Double? {
        guard skipBlanks(), let value = token().flatMap(Self.number) else { return nil }
        skipBlanks()
        if let first = rest.first, first != UInt8(ascii: "#") {
            guard token().flatMap(Self.number) != nil else { return nil }
            skipBlanks()
        }
        return rest.first.map { $0 == UInt8(ascii: "#") } ?? true ? value : nil
    }

    @discardableResult
    mutating func skipBlanks() -> Bool {
        let after = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        defer { rest = after }
        return after.count < rest.count
    }

    /// `+Inf`, `-Inf` and `NaN` are numbers to Prometheus; hexadecimal ones are not ours.
    static func number(_ text: String) -> Double? {
        switch text {
        case "NaN": .nan
        case "+Inf", "Inf": .infinity
        case "-Inf": -.infinity
        default:
            text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) } ? Double(text) : nil
        }
    }

    private mutating func token() -> String? {
        let end = rest.firstIndex { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } ?? rest.endIndex
        defer { rest = rest[end...] }
        // A number is never that long.
        return end - rest.startIndex <= 100 ? String(validating: rest[..<end], as: UTF8.self) : nil
    }

    private mutating func word(allowsColon: Bool) -> String? {
        let end =
            rest.firstIndex { byte in
                let isLetter = (0x41...0x5A).contains(byte & 0xDF) && byte < 0x80
                return !isLetter && !(0x30...0x39).contains(byte) && byte != UInt8(ascii: "_")
                    && !(allowsColon && byte == UInt8(ascii: ":"))
            } ?? rest.endIndex
        guard let first = rest.first, end > rest.startIndex, !(0x30...0x39).contains(first) else { return nil }
        defer { rest = rest[end...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    /// `"…"` with `\\`, `\"` and `\n`.
    private mutating func quoted() -> String? {
        guard take("\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                switch rest.popFirst() {
                case UInt8(ascii: "n"): bytes.append(0x0A)
                case let mark? where "\\\"".utf8.contains(mark): bytes.append(mark)
                default: return nil
                }
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: mark) else { return false }
        rest.removeFirst()
        return true
    }
}
