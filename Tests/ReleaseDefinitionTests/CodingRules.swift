import ReleaseDefinition
import Testing

@Suite("Values become JSON and come back")
struct CodingRules {
    private struct Sample: Codable, Equatable {
        var name: String
        var count: Int64?
        var list: [UInt8]
        var nested: [String: [Bool]]
    }

    @Test("A value comes back equal; nil members are left out")
    func roundTrip() throws {
        let sample = Sample(name: "é\"\n", count: nil, list: [0, 255], nested: ["a": [true, false], "b": []])
        let value = try JSONCoding.value(of: sample)
        #expect(value["count"] == nil)
        #expect(try JSONCoding.decode(Sample.self, from: value) == sample)
        #expect(try JSONCoding.decode(Sample.self, from: value.wireBytes) == sample)
    }

    @Test("An object of many members is read by their bytes, the same as one of few", arguments: [3, 16, 17, 5_000])
    func manyMembers(count: Int) throws {
        // One character in two forms: a String takes them for the same, JSON does not.
        struct Two: Decodable {
            struct Key: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }

            var composed: Int64
            var decomposed: Int64

            init(from decoder: any Decoder) throws {
                let members = try decoder.container(keyedBy: Key.self)
                composed = try members.decode(Int64.self, forKey: Key(stringValue: "caf\u{e9}"))
                decomposed = try members.decode(Int64.self, forKey: Key(stringValue: "cafe\u{301}"))
            }
        }
        let many = (2..<count).map { JSONMember("k\($0)", .integer(Int64($0))) }
        let two = [JSONMember("caf\u{e9}", .integer(0)), JSONMember("cafe\u{301}", .integer(1))]
        let read = try JSONCoding.decode(Two.self, from: .object(many + two))
        #expect(read.composed == 0 && read.decomposed == 1)
        let numbers = try JSONCoding.decode([String: Int64].self, from: .object(many))
        #expect(numbers == Dictionary(uniqueKeysWithValues: (2..<count).map { ("k\($0)", Int64($0)) }))
        #expect(throws: DefinitionError.self) { try JSONCoding.decode(Two.self, from: .object(many + two.dropLast())) }
    }

    @Test(
        "A refusal names the path, what was found and what was expected",
        arguments: [
            (#"{"name":1,"list":[],"nested":{}}"#, "Sample.name: found an integer, expected a string"),
            (#"{"name":"x","list":[1,"2"],"nested":{}}"#, "Sample.list[1]: found a string, expected an integer"),
            (#"{"name":"x","list":[256],"nested":{}}"#, "Sample.list[0]: found an integer, expected an integer within"),
            (#"{"name":"x","nested":{}}"#, "Sample: the member \"list\" is missing"),
            (#"{"name":"x","list":[],"nested":{"a":[null]}}"#, "Sample.nested.a[0]: found null, expected a boolean"),
            ("[]", "Sample: found an array, expected an object"),
        ])
    func refusal(text: String, expected: String) throws {
        do {
            _ = try JSONCoding.decode(Sample.self, from: Array(text.utf8))
            Issue.record("\(text) was read")
        } catch let error as DefinitionError {
            #expect(error.summary.hasPrefix(expected), "\(error.summary)")
        }
    }

    @Test("Floating-point numbers and integers beyond 64 bits are not written")
    func unwritable() {
        #expect(throws: (any Error).self) { try JSONCoding.value(of: [1.5]) }
        #expect(throws: (any Error).self) { try JSONCoding.value(of: [UInt64.max]) }
    }

    @Test("Two hundred thousand elements are written in linear time")
    func linearTime() throws {
        let numbers = [Int](repeating: 1, count: 200_000)
        let time = try ContinuousClock().measure { _ = try JSONCoding.value(of: numbers) }
        // Minutes where each element copies those before it.
        #expect(time < .seconds(60), "\(time)")
    }

    private func json(_ value: some Encodable) throws -> String {
        String(decoding: try JSONCoding.canonicalBytes(of: value), as: UTF8.self)
    }

    @Test("Choices read as they do in the definition files")
    func choices() throws {
        #expect(try json(ServiceDefinition.hooks) == #""hooks""#)
        #expect(try json(ServiceDefinition.command(["bin/serve"])) == #"{"command":["bin/serve"]}"#)
        #expect(try json(HealthProbe.command(["a", "b"])) == #"{"command":["a","b"]}"#)
        #expect(try json(HealthProbe.http(url: "u", status: 200)) == #"{"http":{"status":200,"url":"u"}}"#)
        let metric = MetricProbe(url: "u", question: .query("up"), limit: .below(try DecimalNumber("0.50")))
        #expect(
            try json(HealthProbe.metric(metric))
                == #"{"metric":{"limit":{"below":"0.50"},"question":{"query":"up"},"url":"u"}}"#)
        #expect(try json(PhaseSize.count(1)) == #"{"hosts":1}"#)
        #expect(try json(PhaseSize.percent(50)) == #"{"percent":50}"#)
        #expect(try json(RolloutStrategy.bigBang) == #""bigBang""#)
        #expect(try json(PathAttribute(path: "p", mode: 0o50)) == #"{"mode":"0050","path":"p"}"#)
    }

    @Test("Choices come back equal")
    func choicesRoundTrip() throws {
        func back<Value: Codable & Equatable>(_ value: Value) throws {
            #expect(try JSONCoding.decode(Value.self, from: JSONCoding.value(of: value)) == value)
        }
        try back(ServiceDefinition.hooks)
        try back(ServiceDefinition.command(["bin/serve", ""]))
        try back(HealthProbe.http(url: "http://127.0.0.1:${PORT}/", status: 204))
        let series = MetricQuestion.series(try MetricSeries(#"errors{code="500", zone="${ZONE}"}"#))
        try back(HealthProbe.metric(MetricProbe(url: "u", question: series, limit: .equals(DecimalNumber("0")))))
        try back(HealthProbe.metric(MetricProbe(url: "u", question: .query("up"), limit: .above(DecimalNumber("0.5")))))
        try back(RolloutStrategy.bigBang)
        try back(RolloutStrategy.phasedByDefault)
        try back(PathAttribute(path: "p", mode: 0o755, owner: "app", group: nil))
        try back(PathAttribute(path: "p", owner: "app"))
    }

    @Test(
        "Choices with none, two or unknown members are refused",
        arguments: ["{}", #"{"hosts":1,"percent":2}"#, #"{"share":1}"#, "1", "[]", "null"])
    func badSize(text: String) {
        #expect(throws: DefinitionError.self) { try JSONCoding.decode(PhaseSize.self, from: Array(text.utf8)) }
    }

    @Test(
        "Modes beyond 0777 or in another form are refused",
        arguments: ["4755", "1777", "755", "0888", "", "00755", "-755"])
    func badMode(text: String) {
        let bytes = Array(#"{"path":"p","mode":"\#(text)"}"#.utf8)
        #expect(throws: DefinitionError.self) { try JSONCoding.decode(PathAttribute.self, from: bytes) }
    }
}
