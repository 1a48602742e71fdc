import ReleaseDefinition

/// Metrics as text, in one of two forms of the same samples. A counter's name ends in `_total`.
struct MetricsText {
    enum Form: Sendable {
        /// Prometheus' text format, version 0.0.4.
        case prometheus
        /// OpenMetrics 1.0.0: a counter's family is named without `_total`, and the end is said.
        case openMetrics

        static let openMetricsType = "application/openmetrics-text"

        var mediaType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "\(Self.openMetricsType); version=1.0.0; charset=utf-8"
            }
        }

        /// As Prometheus asks for it; whoever names no form gets the older one.
        init(accepting header: String?) {
            let isWanted = AcceptedMedia(header).prefers(Self.openMetricsType, version: "1.0.0", to: "text/plain")
            self = isWanted ? .openMetrics : .prometheus
        }
    }

    let form: Form
    private var lines = ""

    init(_ form: Form) { self.form = form }

    var text: String { form == .openMetrics ? lines + "# EOF\n" : lines }

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
        let suffix = "_total"
        let isCut = form == .openMetrics && type == "counter" && name.hasSuffix(suffix)
        let family = isCut ? name.dropLast(suffix.count) : name[...]
        lines += "# HELP \(family) \(help)\n# TYPE \(family) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let inner = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        let number = Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        lines += "\(name)\(inner.isEmpty ? "" : "{\(inner)}") \(number)\n"
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
