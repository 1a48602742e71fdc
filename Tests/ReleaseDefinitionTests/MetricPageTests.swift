import ReleaseDefinition
import Testing

@Suite("Pages of metrics")
struct MetricPageTests {
    private func read(_ page: String, _ series: String) throws -> MetricAnswer {
        MetricPage.read(Array(page.utf8), try MetricSeries(series))
    }

    private static let page = #"""
        # HELP errors_total What went wrong. \n {here} 12
        # TYPE errors_total counter
        errors_total{code="500",zone="a"} 7 1700000000000
        errors_total{code="404", zone = "a" , } 3.5e1 # {trace_id="x"} 1 1700000000.5
        errors_total_seconds 99
        	up	1

        text{words="a \"quoted\" one, \\ and }\nmore"} -0.25
        big +Inf
        small -Inf
        none NaN
        hexadecimal 0x10
        words five
        two_times 1 2 3
        {"quoted.name", "a.label"="x"} 4
        twice 1
        twice 2
        unequal{le="1"} 1
        unequal{le="1",zone="a"} 2
        # EOF
        """#

    @Test("A series is found by its name and by the labels that are named, whatever stands beside them")
    func found() throws {
        let cases: [(String, MetricAnswer)] = [
            ("up", .number(1)), (#"errors_total{code="500"}"#, .number(7)),
            (#"errors_total{zone="a",code="404"}"#, .number(35)),
            (#"text{words="a \"quoted\" one, \\ and }\nmore"}"#, .number(-0.25)),
            ("big", .number(.infinity)), ("small", .number(-.infinity)),
            (#"{"quoted.name","a.label"="x"}"#, .number(4)), (#"unequal{le="1",zone=""}"#, .number(1)),
        ]
        for (series, answer) in cases { #expect(try read(Self.page, series) == answer, "\(series)") }
        #expect(try read("up 1\r\ndown 0\r\n", "down") == .number(0))
    }

    @Test("A series that is not there, that is there twice, or that is no number, is no answer")
    func missing() throws {
        for series in ["errors", "errors_total{code=\"501\"}", "errors_total{host=\"a\"}", "EOF", "HELP", "more"] {
            #expect(try read(Self.page, series) == .nothing, "\(series)")
        }
        for series in ["errors_total", "errors_total{zone=\"a\"}", "twice", "unequal{le=\"1\"}"] {
            #expect(try read(Self.page, series) == .series(2), "\(series)")
        }
        guard case .number(let value) = try read(Self.page, "none") else { throw Unexpected() }
        #expect(value.isNaN)
        for series in ["hexadecimal", "words", "two_times"] {
            guard case .refused(let why) = try read(Self.page, series) else { throw Unexpected() }
            #expect(why.contains(series), "\(why)")
        }
    }

    @Test(
        "What is no page of metrics is said, with its line",
        arguments: [
            "<html>\nup 1", "{\"up\": 1}", "[1]", "up{a=b} 1", "up{a=\"b} 1", "up{a=\"b\"", "up{a=\"b\",,} 1",
            "up{a} 1",
            "up{a=\"\\x\"} 1", "up{a=\"1\",a=\"2\"} 1", "up", "up 1.5.2", "up nan", "up 1 x", "up 1 2 x",
            "up \(String(repeating: "1", count: 101))", "\u{1F4C8} 1", "3up 1",
        ])
    func refused(page: String) throws {
        guard case .refused(let why) = try read(page, "up") else {
            Issue.record("\(page) was read")
            return
        }
        #expect(why.hasPrefix("line 1 of the page "), "\(why)")
    }

    @Test("Text that is not UTF-8 in a label is refused, not repaired")
    func notUTF8() throws {
        let page = Array("up{a=\"".utf8) + [0xFF] + Array("\"} 1".utf8)
        guard case .refused = MetricPage.read(page, try MetricSeries("up")) else { throw Unexpected() }
    }

    @Test(
        "What names no series is refused",
        arguments: [
            "", "a b", "a{", "a{b}", "a{b=c}", "a{b=\"c\"}}", "a{b=\"c\"} ", "{}", "a-b", "1a", "{\"\"}", "up 1",
        ])
    func badSeries(text: String) {
        #expect(throws: DefinitionError.self) { try MetricSeries(text) }
    }

    @Test("A number is judged with both values; what is none does not pass, and says why")
    func judged() throws {
        let half = try DecimalNumber("0.5")
        func judge(_ limit: MetricLimit, _ answer: MetricAnswer) throws -> (passed: Bool, detail: String) {
            MetricProbe(url: "u", question: .series(try MetricSeries("up")), limit: limit).judge(answer)
        }
        let passes: [(MetricLimit, Double, Bool)] = [
            (.below(half), 0.4, true), (.below(half), 0.5, false), (.above(half), 0.5, false), (.above(half), 1, true),
            (.equals(half), 0.5, true), (.equals(half), 0.51, false), (.above(half), .infinity, true),
            (.below(half), .infinity, false),
        ]
        for (limit, value, passed) in passes {
            #expect(try judge(limit, .number(value)).passed == passed, "\(limit) \(value)")
        }
        #expect(try judge(.below(half), .number(0.7)).detail == "up is 0.7, below 0.5 is good")
        for answer in [MetricAnswer.number(.nan), .nothing, .series(2), .refused("x"), .unreachable("x")] {
            #expect(try !judge(.below(half), answer).passed, "\(answer)")
        }
        #expect(try judge(.below(half), .nothing).detail == "the page has no up")
    }

    private struct Unexpected: Error {}
}
