import ReleaseDefinition
import Testing

@Suite("Host query")
struct HostQueryTests {
    private let labels = ["role": "web", "zone": "a", "pinned": "false", "spare": "true", "tier": "1"]

    private func matches(_ text: String) throws -> Bool {
        try HostQuery(text).matches(id: HostID("web-1"), labels: labels)
    }

    @Test(
        "A query holds where it should",
        arguments: [
            "all", "role=web", "role = web", "role!=db", "zone in (a,b)", "zone in ( b , a )", "spare", "id=web-1",
            "not pinned", "not role=db", "role=web and zone=a", "role=db or zone=a", "role=web and not pinned",
            "role=web and zone in (a,b) and not pinned", "(role=db or role=web) and tier=1", "not (role=db and spare)",
            "not not spare", "missing!=x", "((((all))))",
        ])
    func holds(text: String) throws { #expect(try matches(text)) }

    @Test(
        "A query does not hold where it should not",
        arguments: [
            "role=db", "role!=web", "zone in (b,c)", "missing", "missing=x", "pinned", "not all", "id=web-2",
            "role=web and pinned", "role=db or zone=b", "not spare",
        ])
    func doesNotHold(text: String) throws { #expect(try !matches(text)) }

    @Test("A label whose value is false does not hold by itself, but can be compared")
    func falseLabel() throws {
        #expect(try !matches("pinned"))
        #expect(try matches("pinned=false"))
    }

    @Test("`and` binds tighter than `or`, `not` tighter than both")
    func precedence() throws {
        #expect(try matches("spare or role=db and zone=b"))
        #expect(try !matches("(spare or role=db) and zone=b"))
        #expect(try matches("not role=db or role=db"))
    }

    @Test(
        "What cannot be read is refused with the word at which reading stopped",
        arguments: [
            ("", "a label is expected at the end"), ("role=", "a value is expected at the end"),
            ("role=web and", "a label is expected at the end"), ("(role=web", "')' is missing"),
            ("role=web zone=a", "\"zone\" is unexpected"), ("zone in a", "'(' is expected after 'in'"),
            ("zone in (a", "')' is missing"), ("zone in ()", "a value is expected where \")\""),
            ("and", "a label is expected where \"and\""), ("role==web", "a value is expected where \"=\""),
            ("role=we$b", "a value is expected where \"we$b\""), ("role=wéb", "a value is expected where \"wéb\""),
            (")", "a label is expected where \")\""), ("role=web)", "\")\" is unexpected"),
            ("!", "a label is expected where \"!\""), ("role=web; drop", "a value is expected where \"web;\""),
        ])
    func refused(text: String, why: String) throws {
        let error = #expect(throws: DefinitionError.self) { try HostQuery(text) }
        #expect(error?.code == "definition.hostQuery")
        #expect(error?.summary.contains(why) == true, "\(error?.summary ?? "")")
    }

    @Test("Depth and length are bounded: a hostile query is refused, it does not exhaust the stack")
    func bounded() throws {
        let depths = [String(repeating: "(", count: 4000), String(repeating: "not ", count: 1000)]
        for text in depths + [String(repeating: "a", count: 5000)] {
            #expect(throws: DefinitionError.self) { try HostQuery(text) }
        }
        _ = try HostQuery(String(repeating: "(", count: 31) + "all" + String(repeating: ")", count: 31))
    }

    @Test("A long chain of alternatives within the bounds is read and answered")
    func longChain() throws {
        let text = Array(repeating: "a=b", count: 400).joined(separator: " or ")
        #expect(try !matches(text))
        #expect(try matches(text + " or spare"))
    }

    @Test("Random words never trap")
    func random() throws {
        var state: UInt64 = 7
        let words = ["(", ")", "and", "or", "not", "in", "=", "!=", ",", "a", "all", "!", " ", "é", "\u{0}", "\n"]
        for _ in 0..<3000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += words[Int(state >> 33) % words.count] + (state >> 60 > 7 ? " " : "")
            }
            _ = try? HostQuery(text).matches(id: HostID("h"), labels: labels)
        }
    }

    @Test("A query is written as it was read")
    func coding() throws {
        let query = try HostQuery("role=web and not pinned")
        let bytes = try JSONCoding.canonicalBytes(of: query)
        #expect(String(decoding: bytes, as: UTF8.self) == "\"role=web and not pinned\"")
        #expect(try JSONCoding.decode(HostQuery.self, from: bytes) == query)
        #expect(try HostQuery("all") == .all)
        #expect(throws: (any Error).self) { try JSONCoding.decode(HostQuery.self, from: Array("\"a b\"".utf8)) }
    }
}
