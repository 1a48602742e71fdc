import ReleaseDefinition
import Testing

@Suite("Names that would be something else in a shell, a path or a page")
struct HostileNameTests {
    static let hostile = [
        "", " ", "a b", "a\nb", "\na", "a\u{0}", "$(id)", "`id`", "a;id", "a|b", "a&b", "-rf", "--help", "..", ".",
        "../x", "a/b", "/a", "a\\b", "a'b", "a\"b", "<b>", "a&amp;", "a%2e", "~", "*", "?", "[a]", "{a}", "#a", "a=b",
        "\u{202E}gpj.exe", "a\u{200B}b", "ｅｘａｍｐｌｅ", "é", "e\u{301}", "a\u{7F}", "a\t", "A",
        String(repeating: "a", count: 4096),
    ]

    private func check<Name: CheckedName>(_ type: Name.Type) {
        for text in Self.hostile {
            #expect(throws: DefinitionError.self, "\(type): \(text.debugDescription)") { try Name(text) }
            // Nor by way of a file or a message.
            #expect(throws: (any Error).self) {
                try JSONCoding.decode(Name.self, from: JSONValue.string(text))
            }
        }
    }

    @Test("R51: names of products, units, environments, channels, hosts, rollouts and gates are refused at the door")
    func names() {
        check(ProductName.self)
        check(UnitName.self)
        check(EnvironmentName.self)
        check(ChannelName.self)
        check(HostID.self)
        check(RolloutID.self)
        check(GateName.self)
    }

    @Test("R51: so are versions, names of releases and orders, and zones")
    func others() {
        for text in Self.hostile {
            #expect(throws: (any Error).self, "\(text.debugDescription)") { try ReleaseVersion(text) }
            #expect(throws: (any Error).self, "\(text.debugDescription)") { try ReleaseName(text) }
            #expect(throws: (any Error).self, "\(text.debugDescription)") { try ReleaseName("\(text)@1.0") }
            #expect(throws: (any Error).self, "\(text.debugDescription)") { try ReleaseName("web@\(text)") }
        }
        for text in ["", "..", "../passwd", "/etc/passwd", "Europe/../../etc", "a b", "a\u{0}", "é"] {
            #expect(!MaintenanceWindow.isZoneName(text), "\(text.debugDescription)")
        }
    }

    @Test("R51: what others wrote is shown to a terminal so that it obeys none of it, and nothing of it is hidden")
    func terminal() {
        func shown(_ text: String) -> String {
            String(decoding: TerminalText.visible(Array(text.utf8)), as: UTF8.self)
        }
        let plain = "Größe\t→ “é” 😀\n"
        #expect(shown(plain) == plain)
        #expect(shown("a\u{1B}]52;c;x\u{7}b\r\u{8}\u{7F}") == #"a\x1b]52;c;x\x07b\x0d\x08\x7f"#)
        #expect(shown("\u{9B}2J\u{85}") == #"\x9b2J\x85"#)
        #expect(shown("a\u{202E}b\u{2066}c\u{2069}\u{202A}") == #"a\u202eb\u2066c\u2069\u202a"#)
        #expect(shown("\u{200F}x\u{2028}\u{61C}") == #"\u200fx\u2028\u061c"#)
        #expect(TerminalText.visible([0xE2, 0x80]) == [0xE2, 0x80])
        #expect(TerminalText.visible([0xC2, 0x1B, 0xFF]) == [0xC2] + Array(#"\x1b"#.utf8) + [0xFF])
    }

    @Test("R51: an error shows what it refused on one line, with nothing that a terminal would obey")
    func errors() {
        for text in Self.hostile {
            do { _ = try ProductName(text) } catch {
                #expect(
                    error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }, "\(error)")
            }
        }
    }
}
