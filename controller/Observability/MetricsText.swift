import ReleaseDefinition

/// Prometheus' text format, version 0.0.4.
struct MetricsText {
    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        family(name, "gauge", help)
        sample(name, [], value)
    }

    mutating func gauge(_ name: String, _ help: String, by label: String, _ values: [(String, Double)]) {
        family(name, "gauge", help)
        for (word, value) in values { sample(name, [(label, word)], value) }
    }

    mutating func gauge(_ name: String, _ help: String, _ values: [(labels: [(String, String)], value: Double)]) {
        family(name, "gauge", help)
        for (labels, value) in values { sample(name, labels, value) }
    }

    mutating func counter(_ name: String, _ help: String, _ value: Double) {
        family(name, "counter", help)
        sample(name, [], value)
    }

    mutating func counter(_ name: String, _ help: String, _ values: [(labels: [(String, String)], value: Double)]) {
        family(name, "counter", help)
        for (labels, value) in values { sample(name, labels, value) }
    }

    mutating func histogram(
        _ name: String, _ help: String, _ values: [(labels: [(String, String)], value: ControllerMetrics.Histogram)]
    ) {
        family(name, "histogram", help)
        for (labels, histogram) in values {
            var count = 0
            for (bound, more) in zip(ControllerMetrics.bounds.map { "\($0)" } + ["+Inf"], histogram.counts) {
                count += more
                sample(name + "_bucket", labels + [("le", bound)], Double(count))
            }
            sample(name + "_sum", labels, histogram.sum)
            sample(name + "_count", labels, Double(count))
        }
    }

    private mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let inner = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        let number = Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        text += "\(name)\(inner.isEmpty ? "" : "{\(inner)}") \(number)\n"
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}
