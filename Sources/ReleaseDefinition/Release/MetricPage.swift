/// A page of metrics as services show it under `/metrics`.
///
/// Source: Prometheus' text format 0.0.4, OpenMetrics 1.0.
public enum MetricPage {
    /// What the page says of one series. Every line must begin as one of such a page does; those of other metrics are not
    /// read any further.
    /// - Returns: `.number`, which may be NaN; `.nothing`: the page has no such series; `.series`: several match;
    ///   `.refused`: it is no page of metrics, or the series' line cannot be read.
    public static func read(_ page: [UInt8], _ wanted: MetricSeries) -> MetricAnswer {
        var found: [Double] = []
        var number = 0
        for line in page.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            var reader = MetricLineReader(line.last == 0x0D ? line.dropLast() : line)
            reader.skipBlanks()
            guard let first = reader.rest.first, first != UInt8(ascii: "#") else { continue }
            guard isStart(first) else {
                return .refused("line \(number) of the page is no line of metrics: \(shown(line))")
            }
            guard first == UInt8(ascii: "{") || reader.rest.starts(with: wanted.name.utf8) else { continue }
            guard let (name, labels) = reader.series() else {
                return .refused("line \(number) of the page has no labels that can be read: \(shown(line))")
            }
            guard wanted.matches(name: name, labels: labels) else { continue }
            guard let value = reader.value() else {
                return .refused("line \(number) of the page has no number that can be read: \(shown(line))")
            }
            found.append(value)
        }
        guard let value = found.first else { return .nothing }
        return found.count == 1 ? .number(value) : .series(found.count)
    }

    private static func isStart(_ byte: UInt8) -> Bool {
        (byte < 0x80 && (0x41...0x5A).contains(byte & 0xDF)) || "_:{".utf8.contains(byte)
    }

    private static func shown(_ line: ArraySlice<UInt8>) -> String {
        String(decoding: line.prefix(100), as: UTF8.self).debugDescription
    }
}
