import ReleaseDefinition
import Testing

@Suite("Canonical bytes are the OLPC form that TUF signs")
struct CanonicalBytes {
    private func canonical(_ text: String) throws -> String {
        String(decoding: try JSONValue(parsing: Array(text.utf8)).canonicalBytes, as: UTF8.self)
    }

    @Test(
        "Each document has the bytes that securesystemslib writes",
        arguments: [
            (#"{ "b" : 2 , "a" : [ 1 , true , null ] }"#, #"{"a":[1,true,null],"b":2}"#),
            (#"{"B":1,"a":2,"A":3,"_":4,"0":5}"#, #"{"0":5,"A":3,"B":1,"_":4,"a":2}"#),
            (#""\u00e9\ud83d\ude80""#, "\"é🚀\""), (#""a\/b""#, #""a/b""#), (#""\"\\""#, #""\"\\""#),
            ("\"\\n\\t\"", "\"\n\t\""), ("[]", "[]"), ("{}", "{}"), ("\"\"", "\"\""), ("-1", "-1"), ("false", "false"),
            // By UTF-8 bytes: U+FFFD (EF BF BD) before U+10000 (F0 90 80 80), unlike UTF-16 order.
            ("{\"\u{10000}\":1,\"\u{FFFD}\":2}", "{\"\u{FFFD}\":2,\"\u{10000}\":1}"),
            (#"{"ab":1,"a":2}"#, #"{"a":2,"ab":1}"#),
        ])
    func vector(input: String, expected: String) throws { #expect(try canonical(input) == expected) }

    @Test("A quote before a combining mark is still escaped: bytes count, not characters")
    func combiningMark() throws {
        let value = JSONValue.string("\"\u{301}\\\u{301}")
        #expect(Array(value.canonicalBytes) == Array("\"\\\"\u{301}\\\\\u{301}\"".utf8))
    }

    @Test("Equality is by canonical bytes: order of members does not count, Unicode equivalence is none")
    func equality() throws {
        let one = JSONValue.object([JSONMember("a", .integer(1)), JSONMember("b", .null)])
        let other = JSONValue.object([JSONMember("b", .null), JSONMember("a", .integer(1))])
        #expect(one == other)
        #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
    }

    @Test("Wire and pretty text hold the same value on one line and on many")
    func wire() throws {
        let value = try JSONValue(parsing: Array(#"{"b":[1,{"c":"x\ny\u0001\u007f"}],"a":{},"d":[]}"#.utf8))
        #expect(!value.wireBytes.contains(0x0A))
        #expect(try JSONValue(parsing: value.wireBytes) == value)
        #expect(try JSONValue(parsing: value.prettyBytes) == value)
        #expect(value.prettyBytes.last == 0x0A)
        #expect(
            String(decoding: value.wireBytes, as: UTF8.self) == #"{"b":[1,{"c":"x\ny\u0001\u007f"}],"a":{},"d":[]}"#)
    }

    @Test("SHA-256 of a canonical document is a known digest")
    func digest() {
        #expect(
            SHA256Digest(of: Array("abc".utf8)).hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256Digest(of: JSONValue.object([]).canonicalBytes).hex
                == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        var hasher = SHA256Hasher()
        for byte in "abc".utf8 { hasher.update([byte]) }
        hasher.update([])
        #expect(hasher.finish() == SHA256Digest(of: Array("abc".utf8)))
    }
}
