/// A gate's verdict in one sentence with both values.
public struct GateJudgement: Sendable, Equatable, Codable {
    public static let detailMax = 500

    public var verdict: GateVerdict
    public var detail: String

    public init(_ verdict: GateVerdict, _ detail: String) {
        self.verdict = verdict
        self.detail = String(detail.prefix(Self.detailMax))
    }
}

/// What came back for a query.
public enum MetricAnswer: Sendable, Equatable {
    case number(Double)
    /// No series matched, or the number is none (0/0).
    case nothing
    /// More series than one: which one was meant?
    case series(Int)
    /// The source answered that it will not.
    case refused(String)
    /// No answer, or none that can be read.
    case unreachable(String)
}

/// From answers to a verdict; nothing is asked here.
public enum GateEvaluation {
    /// - Parameters:
    ///   - own: of the hosts that have the release.
    ///   - others: of those to compare with; used by `worseThanOthersBy` alone.
    ///   - comparedWith: what these are, as "5 hosts without the release".
    public static func judge(
        _ limit: GateLimit, own: MetricAnswer, others: MetricAnswer? = nil, comparedWith: String = ""
    ) -> GateJudgement {
        let value: Double
        switch number(own, of: "the query") {
        case .failure(let judgement): return judgement.judgement
        case .success(let number): value = number
        }
        switch limit {
        case .below(let limit):
            return GateJudgement(value < limit.value ? .pass : .fail, "\(text(value)), below \(limit) is good")
        case .above(let limit):
            return GateJudgement(value > limit.value ? .pass : .fail, "\(text(value)), above \(limit) is good")
        case .worseThanOthersBy(let percent):
            guard let others else { return GateJudgement(.inconclusive, "there is nothing to compare with") }
            switch number(others, of: comparedWith) {
            case .failure(let judgement):
                // Our own hosts answered: only the comparison is missing.
                let verdict = judgement.judgement.verdict
                return GateJudgement(verdict == .noData ? .inconclusive : verdict, judgement.judgement.detail)
            case .success(let base):
                let bound = base + abs(base) * Double(percent) / 100
                return GateJudgement(
                    value <= bound ? .pass : .fail,
                    "\(text(value)), \(comparedWith) \(text(base)): up to \(text(bound)) is good")
            }
        }
    }

    /// Of a program: 0 pass, 1 fail, 75 (EX_TEMPFAIL) no data, anything else decides nothing.
    public static func judge(exitCode: Int32?, lastLine: String) -> GateJudgement {
        let words = lastLine.isEmpty ? "" : ": \(lastLine)"
        switch exitCode {
        case 0: return GateJudgement(.pass, "it ended with 0\(words)")
        case 1: return GateJudgement(.fail, "it ended with 1\(words)")
        case 75: return GateJudgement(.noData, "it ended with 75\(words)")
        case let code?: return GateJudgement(.inconclusive, "it ended with \(code)\(words)")
        case nil: return GateJudgement(.inconclusive, "it did not end by itself\(words)")
        }
    }

    private struct NoNumber: Error { var judgement: GateJudgement }

    private static func number(_ answer: MetricAnswer, of what: String) -> Result<Double, NoNumber> {
        switch answer {
        case .number(let number) where !number.isNaN: .success(number)
        case .number, .nothing: .failure(NoNumber(judgement: GateJudgement(.noData, "\(what) has no data")))
        case .series(let count):
            .failure(
                NoNumber(
                    judgement: GateJudgement(.inconclusive, "\(what) has \(count) series, one is needed: sum them")))
        case .refused(let why):
            .failure(NoNumber(judgement: GateJudgement(.inconclusive, "\(what) is refused: \(why)")))
        case .unreachable(let why):
            .failure(NoNumber(judgement: GateJudgement(.noData, "the source does not answer: \(why)")))
        }
    }

    /// Six digits, without the zeros at the end.
    static func text(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "\(value)" }
        let scaled = (value * 1e6).rounded()
        let whole = Int64(scaled)
        let fraction = String(abs(whole) % 1_000_000)
        let padded = String(repeating: "0", count: 6 - fraction.count) + fraction
        let digits = String(padded.reversed().drop { $0 == "0" }.reversed())
        let sign = whole < 0 ? "-" : ""
        return "\(sign)\(abs(whole) / 1_000_000)\(digits.isEmpty ? "" : "." + digits)"
    }
}

extension PrometheusGate {
    /// So many hosts are named in a query; of more, that many spread over all.
    public static let hostsMax = 1000

    /// The query for some hosts.
    public func query(for hosts: [HostID]) -> String {
        // A host's id holds `.`, and neither quote nor backslash: `[.]` is the same in every kind of PromQL string.
        let pattern = GateHosts.some(hosts).map { $0.text.replacing(".", with: "[.]") }.joined(separator: "|")
        return query.replacing("$hosts", with: pattern)
    }
}

/// The hosts that a gate is told about.
public enum GateHosts {
    public static func some(_ hosts: [HostID], countMax: Int = PrometheusGate.hostsMax) -> [HostID] {
        guard hosts.count > countMax else { return hosts }
        return (0..<countMax).map { hosts[$0 * hosts.count / countMax] }
    }
}
