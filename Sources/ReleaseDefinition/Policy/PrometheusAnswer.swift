import FoundationEssentials

/// `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000.1,"0.5"]}]}}`: holds
/// floating-point numbers, which our own reader refuses, and is not signed.
public struct PrometheusAnswer: Decodable {
    private struct Payload: Decodable {
        var resultType: String
        var result: [Entry]
    }

    /// A series, or, of a scalar, one of the two parts of its sample.
    private enum Entry: Decodable {
        case series(Sample)
        case part(String?)

        private struct Series: Decodable { var value: Sample }

        init(from decoder: any Decoder) throws {
            if let series = try? Series(from: decoder) {
                self = .series(series.value)
            } else {
                self = .part(try? String(from: decoder))
            }
        }
    }

    private struct Sample: Decodable {
        var text: String

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            _ = try container.decode(Double.self)
            text = try container.decode(String.self)
        }
    }

    private var status: String
    private var error: String?
    private var data: Payload?

    /// - Parameter status: of HTTP.
    public static func read(_ body: [UInt8], status: Int) -> MetricAnswer {
        guard let answer = try? JSONDecoder().decode(PrometheusAnswer.self, from: Data(body)) else {
            return .unreachable("status \(status), and no answer of a Prometheus")
        }
        guard answer.status == "success", let data = answer.data else {
            // 503: the query was cut off; 400 and 422: it cannot be answered.
            let why = answer.error ?? "status \(status)"
            return status == 503 ? .unreachable(why) : .refused(why)
        }
        if data.resultType == "scalar", case .part(let text)? = data.result.last { return number(text) }
        guard data.resultType == "vector" else { return .refused("it answers a \(data.resultType), not a number") }
        guard data.result.count == 1, case .series(let sample)? = data.result.first else {
            return data.result.isEmpty ? .nothing : .series(data.result.count)
        }
        return number(sample.text)
    }

    private static func number(_ text: String?) -> MetricAnswer {
        guard let number = text.flatMap(MetricLineReader.number) else {
            return .unreachable("a number that cannot be read")
        }
        return number.isNaN ? .nothing : .number(number)
    }
}
