import ReleaseDefinition
import Testing

@Suite("Strict JSON refuses what two readers could read differently")
struct StrictJSONAttacks {
    private func refusal(_ bytes: [UInt8], limits: JSONLimits = .init()) -> String? {
        do throws(DefinitionError) {
            _ = try JSONValue(parsing: bytes, limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    private func refusal(_ text: String, limits: JSONLimits = .init()) -> String? {
        refusal(Array(text.utf8), limits: limits)
    }

    @Test(
        "A member that stands twice, by bytes, however it is escaped",
        arguments: [
            #"{"a":1,"a":2}"#, #"{"a":1,"b":2,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"{"":1,"":2}"#,
            #"{"x":{"a":1,"a":2}}"#, #"{"/":1,"\/":2}"#,
        ])
    func duplicateMember(text: String) { #expect(refusal(text) == "definition.json.duplicate") }

    @Test("Names that only look alike are two members")
    func canonicallyEquivalentNames() throws {
        let value = try JSONValue(parsing: Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8))
        #expect(value.objectValue?.count == 2)
        #expect(value["\u{E9}"]?.integerValue == 1)
        #expect(value["e\u{301}"]?.integerValue == 2)
    }

    @Test(
        "Data behind the value",
        arguments: ["{} {}", "[1]]", "1 2", "null\0", "{}\u{FEFF}", "\"a\"b", "{},"])
    func trailingData(text: String) { #expect(refusal(text) == "definition.json.trailing") }

    @Test(
        "A byte order mark",
        arguments: [[0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [0xFE, 0xFF, 0x00, 0x7B], [0xFF, 0xFE, 0x7B, 0]])
    func byteOrderMark(bytes: [UInt8]) { #expect(refusal(bytes) == "definition.json.syntax") }

    @Test(
        "Numbers that are no 64-bit integer in their one form",
        arguments: [
            "1.0", "1e3", "1E3", "0.5", "-1.5", "01", "-0", "-01", "00", "-", "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999999999999999999999999999", "1.", "0e0", "-x",
        ])
    func number(text: String) { #expect(refusal(text) == "definition.json.number") }

    @Test("The largest and smallest integers are read exactly")
    func extremeIntegers() throws {
        #expect(try JSONValue(parsing: Array("9223372036854775807".utf8)).integerValue == .max)
        #expect(try JSONValue(parsing: Array("-9223372036854775808".utf8)).integerValue == .min)
        #expect(try JSONValue(parsing: Array("0".utf8)).integerValue == 0)
    }

    @Test(
        "Words and marks of JSON's relatives",
        arguments: [
            "NaN", "Infinity", "-Infinity", "+1", ".5", "undefined", "True", "nul", "tru", "'a'", "{a:1}", "[1,]",
            "{\"a\":1,}", "[,1]", "/* */1", "//\n1", "{\"a\" 1}", "[1 2]", "{\"a\":1 \"b\":2}", "{1:2}", "\"\\x41\"",
            "\"\\'\"", "\u{A0}1", "[1}", "{\"a\":1]", "}",
        ])
    func relatives(text: String) {
        #expect(["definition.json.syntax", "definition.json.number"].contains(refusal(text)))
    }

    @Test(
        "A surrogate without its partner",
        arguments: [
            #""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\udbff\u0041""#,
            #""\udfff\ud800""#, #""\ud800\""#,
        ])
    func loneSurrogate(text: String) { #expect(refusal(text) == "definition.json.surrogate") }

    @Test("A pair of surrogates is the character it stands for")
    func surrogatePair() throws {
        #expect(try JSONValue(parsing: Array(#""\ud83d\ude80""#.utf8)).stringValue == "🚀")
        #expect(try JSONValue(parsing: Array(#""\uD834\uDD1E""#.utf8)).stringValue == "\u{1D11E}")
    }

    @Test(
        "Bytes that are no UTF-8",
        arguments: [
            [0x80], [0xFF], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3],
            [0xF0, 0x9F, 0x9A], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(refusal([0x22] + bytes + [0x22]) == "definition.json.utf8")
        #expect(refusal([0x7B, 0x22] + bytes + [0x22, 0x3A, 0x31, 0x7D]) == "definition.json.utf8")
    }

    @Test("A control character that is not escaped", arguments: Array(UInt8(0)..<0x20))
    func control(byte: UInt8) { #expect(refusal([0x22, byte, 0x22]) == "definition.json.control") }

    @Test(
        "Text that ends too early",
        arguments: [
            "", " ", "{", "[", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "\"", "\"a", "\"\\", "\"\\u",
            "\"\\u00", "\"\\ud800\\u", "t",
        ])
    func truncated(text: String) { #expect(refusal(text)?.hasPrefix("definition.json.") == true) }

    @Test("Nesting beyond the limit, before it costs memory or stack")
    func depth() {
        let deep = { (levels: Int) in
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        #expect(refusal(deep(32)) == nil)
        #expect(refusal(deep(33)) == "definition.json.depth")
        #expect(refusal(String(repeating: "[", count: 1_000_000)) == "definition.json.depth")
        #expect(refusal(String(repeating: #"{"a":"#, count: 100_000)) == "definition.json.depth")
    }

    @Test("Size beyond the limit")
    func size() {
        #expect(refusal("[1,2,3]", limits: JSONLimits(bytesMax: 7)) == nil)
        #expect(refusal("[1,2,3] ", limits: JSONLimits(bytesMax: 7)) == "definition.json.size")
    }

    @Test("Every beginning of a document is refused and none traps")
    func everyPrefix() {
        let document = Array(#"{"a":[1,-2,true,null,"\u00e9\ud83d\ude80\n"],"b":{"c":"é🚀"}}"#.utf8)
        for length in 0..<document.count { #expect(refusal(Array(document[..<length])) != nil) }
        #expect(refusal(document) == nil)
    }

    @Test("Changing any one byte to any other never traps")
    func everyByteChanged() {
        let document = Array(#"{"a":[1,"\ud83d\ude80é"]}"#.utf8)
        for position in document.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = document
                changed[position] = byte
                if let value = try? JSONValue(parsing: changed) {
                    #expect((try? JSONValue(parsing: value.canonicalBytes)) != nil || value.hasControlCharacters)
                }
            }
        }
    }

    @Test("A refusal names the byte at which reading stopped")
    func position() {
        #expect(throws: DefinitionError.self) { try JSONValue(parsing: Array(#"{"a": x}"#.utf8)) }
        do throws(DefinitionError) {
            _ = try JSONValue(parsing: Array(#"{"a": x}"#.utf8))
        } catch {
            #expect(error.summary.contains("byte 6"))
        }
    }
}

extension JSONValue {
    /// The canonical form leaves control characters raw, which strict JSON then refuses: such text is never signed.
    fileprivate var hasControlCharacters: Bool { canonicalBytes.contains { $0 < 0x20 } }
}
