import ReleaseDefinition
import Testing

@Suite("Names, digests and queries")
struct Names {
    @Test("Names of a-z, 0-9 and the marks allowed are taken", arguments: ["a", "0", "web-service", "a--b", "web-"])
    func taken(text: String) throws { #expect(try ProductName(text).text == text) }

    @Test(
        "Anything that could be a path, a flag, an escape or a second spelling is refused",
        arguments: [
            "", "-a", ".", "..", "a/b", "a\\b", "A", "aB", "a b", "a\n", "a\0", "ä", "a\u{301}", "a.b", "a_b", "a%2f",
            "<b>", "a'", "a\"", "a;b", "$a", "ａ", String(repeating: "a", count: 64),
        ])
    func refused(text: String) {
        #expect(throws: DefinitionError.self) { try ProductName(text) }
    }

    @Test("Each kind of name has marks and a length of its own")
    func kinds() throws {
        #expect(throws: DefinitionError.self) { try EnvironmentName("pre-live") }
        #expect(try EnvironmentName("pre_live").text == "pre_live")
        #expect(try HostID("web-1.example.net").text == "web-1.example.net")
        #expect(throws: DefinitionError.self) { try HostID("..") }
        #expect(throws: DefinitionError.self) { try HostID(String(repeating: "a", count: 129)) }
        let channel = ChannelName(environment: try EnvironmentName("staging"), product: try ProductName("web"))
        #expect(try ChannelName(channel.text) == channel)
    }

    @Test("A digest is 64 lower-case hexadecimal digits and nothing else")
    func digest() throws {
        let hex = String(repeating: "0a", count: 32)
        #expect(try SHA256Digest(hex: hex).hex == hex)
        for text in [
            "", hex.uppercased(), hex.dropLast() + "g", hex + "00", String(hex.dropLast(2)), "０" + hex.dropFirst(),
        ] {
            #expect(throws: DefinitionError.self) { try SHA256Digest(hex: String(text)) }
        }
    }

    @Test("Byte counts read like people's, up to the largest")
    func byteCounts() throws {
        let counts: [(Int64, String)] = [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (4300, "4.1 KiB"), (1 << 20, "1.0 MiB"),
            ((1 << 30) * 5 / 2, "2.5 GiB"), (.max, "7.9 EiB"),
        ]
        for (count, text) in counts { #expect(ByteCount(count).description == text) }
        #expect(ByteCount(-1).value == 0)
        #expect(ByteCount(UInt64.max).value == .max)
        #expect(throws: DefinitionError.self) { try JSONCoding.decode(ByteCount.self, from: Array("-1".utf8)) }
    }

    private static let labels = ["role": "web", "zone": "a", "pilot": "true", "pinned": "false"]

    @Test(
        "A host query holds where its words say",
        arguments: [
            ("all", true), ("role=web", true), ("role = web", true), ("role=api", false), ("role!=api", true),
            ("role in (api, web)", true), ("zone in (b)", false), ("pilot", true), ("pinned", false),
            ("not pinned", true),
            ("missing", false), ("missing!=x", true), ("not missing", true), ("role=web and zone=b", false),
            ("role=api or zone=a", true), ("role=api or zone=a and pinned", false),
            ("(role=api or zone=a) and not pinned", true), ("not (role=web and zone=a)", false), ("id=web-1", true),
            ("id in (web-2,web-1)", true), ("not not pilot", true),
        ])
    func query(text: String, expected: Bool) throws {
        #expect(try HostQuery(text).matches(id: HostID("web-1"), labels: Self.labels) == expected)
    }

    @Test(
        "A query that cannot be read is refused",
        arguments: [
            "", "role=", "=web", "role==web", "role=web zone=a", "and", "role and", "or role", "not", "(role", "role)",
            "role in", "role in ()", "role in (a", "role in (a b)", "role=$(x)", "role='web'", "all=x",
            String(repeating: "(", count: 100), String(repeating: "not ", count: 100) + "all",
            String(repeating: "a", count: 5000),
        ])
    func badQuery(text: String) {
        #expect(throws: DefinitionError.self) { try HostQuery(text) }
    }

    @Test("Shares of hosts round toward caution and never leave 0…N")
    func shares() {
        #expect(PhaseSize.percent(50).hosts(of: 3) == 1)
        #expect(PhaseSize.percent(100).hosts(of: 7) == 7)
        #expect(PhaseSize.percent(900).hosts(of: 7) == 7)
        #expect(PhaseSize.count(-5).hosts(of: 7) == 0)
        #expect(PhaseSize.count(9).hosts(of: 7) == 7)
        #expect(Tolerance(percent: 5).allowed(of: 19) == 0)
        #expect(Tolerance(count: 3, percent: 10).allowed(of: 20) == 2)
        #expect(Tolerance(count: -3).allowed(of: 20) == 0)
        #expect(Tolerance(percent: -1).allowed(of: 20) == 0)
        #expect(Tolerance().allowed(of: 20) == 20)
    }

    @Test("A host's bucket is the same for everyone who computes it")
    func bucket() throws {
        let bucket = HostBucket(rollout: try RolloutID("r-1"), host: try HostID("web-1"))
        let digest = SHA256Digest(of: Array("r-1\nweb-1".utf8))
        #expect(Array(digest.bytes.prefix(4)) == [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bucket.value >> $0) })
        #expect(Int64(bucket.value) < HostBucket.everyoneBound)
    }
}
