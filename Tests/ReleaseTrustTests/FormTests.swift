import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Attack: tricks with the form of metadata")
struct FormTests {
    /// Texts in place of timestamp.json; none can be believed, whatever a signature says.
    @Test(
        "What is no strict JSON is refused",
        arguments: [
            "", "{", "null", "[]", "7", "\u{feff}{}", #"{"signed":{},"signed":{},"signatures":[]}"#,
            #"{"signed":{"version":1.0},"signatures":[]}"#, #"{"signed":{"version":NaN},"signatures":[]}"#,
            #"{"signed":{"version":9223372036854775808},"signatures":[]}"#, #"{"signed":{"version":01}}"#,
            #"{"signed":{"a":"\ud800"},"signatures":[]}"#, #"{"signed":{},"signatures":[]} x"#,
            #"{"signed":{},"signatures":[],}"#, #"{"signatures":[]}"#, #"{"signed":{}}"#,
            #"{"signed":[],"signatures":[]}"#,
            String(repeating: "[", count: 16_000),
        ])
    func notStrict(text: String) throws {
        let honest = try TestRepository()
        var attack = honest
        attack.timestamp = Array(text.utf8)
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.timestamp.form", from: attack, keeping: "timestamp", then: honest)
    }

    @Test("Bytes that are no UTF-8, and a nesting of 100 000 levels in a larger role, are refused")
    func notText() throws {
        let honest = try TestRepository()
        var attack = honest
        attack.timestamp = [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x30, 0x7D]
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.timestamp.form", from: attack, keeping: "timestamp", then: honest)
        attack = honest
        attack.served["2.root.json"] = Array(String(repeating: "[", count: 100_000).utf8)
        try host.expectRefusal("trust.root.form", from: attack, keeping: "root", then: honest)
    }

    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var role: String
        var edit: @Sendable (inout JSONValue) -> Void

        init(_ what: String, _ role: String, _ edit: @escaping @Sendable (inout JSONValue) -> Void) {
            (testDescription, self.role, self.edit) = (what, role, edit)
        }
    }

    static let changes: [Change] = [
        Change("version 0", "timestamp") { $0.set("version", .integer(0)) },
        Change("negative version", "timestamp") { $0.set("version", .integer(.min)) },
        Change("version without a successor", "timestamp") { $0.set("version", .integer(.max)) },
        Change("file version without a successor", "snapshot") {
            $0.edit("meta", "targets.json", "version") { $0 = .integer(.max) }
        },
        Change("version as text", "timestamp") { $0.set("version", .string("3")) },
        Change("no expiry", "timestamp") { $0.removeMember("expires") },
        Change("expiry with a fraction", "timestamp") { $0.set("expires", .string("2030-01-01T00:00:00.000Z")) },
        Change("expiry without Z", "timestamp") { $0.set("expires", .string("2030-01-01T00:00:00")) },
        Change("expiry on 30 February", "timestamp") { $0.set("expires", .string("2030-02-30T00:00:00Z")) },
        Change("timestamp without snapshot", "timestamp") { $0.set("meta", .object([])) },
        Change("negative length", "timestamp") { $0.edit("meta", "snapshot.json", "length") { $0 = .integer(-1) } },
        Change("no known hash", "timestamp") {
            $0.edit("meta", "snapshot.json", "hashes") { $0 = .object([JSONMember("md5", .string("00"))]) }
        },
        Change("hash in upper case", "timestamp") {
            $0.edit("meta", "snapshot.json", "hashes", "sha256") { $0 = .string(($0.stringValue ?? "").uppercased()) }
        },
        Change("meta as array", "snapshot") { $0.set("meta", .array([])) },
        Change("target without hashes", "staging-web") {
            $0.edit("targets", "x") { $0 = .object([JSONMember("length", .integer(1))]) }
        },
        Change("target with a negative length", "staging-web") {
            $0.edit("targets", TestRepository.path("1.0"), "length") { $0 = .integer(-1) }
        },
        Change("floor that is no version", "staging-web") { $0.edit("x-slipway", "floor") { $0 = .string("latest") } },
        Change("withdrawn that is no digest", "staging-web") {
            $0.edit("x-slipway", "withdrawn") { $0 = .array([.string("all")]) }
        },
        Change("director without threshold", "targets") {
            $0.edit("x-slipway", "director") { $0.removeMember("threshold") }
        },
        Change("director threshold 0", "targets") {
            $0.edit("x-slipway", "director", "threshold") { $0 = .integer(0) }
        },
        Change("role delegated twice", "targets") {
            $0.edit("delegations", "roles") { $0 = .array(($0.arrayValue ?? []) + ($0.arrayValue ?? [])) }
        },
        Change("delegated role named as a top role", "targets") {
            Self.editRole(&$0) { $0.set("name", .string("root")) }
        },
        Change("delegated role without a name", "targets") { Self.editRole(&$0) { $0.set("name", .string("")) } },
        Change("delegated role with a name of 300 bytes", "targets") {
            Self.editRole(&$0) { $0.set("name", .string(String(repeating: "r", count: 300))) }
        },
        Change("delegated role with a name too long for a file", "targets") {
            Self.editRole(&$0) { $0.set("name", .string(String(repeating: "ü", count: 40))) }
        },
        Change("delegated threshold 0", "targets") { Self.editRole(&$0) { $0.set("threshold", .integer(0)) } },
        Change("key id twice in a role", "targets") {
            Self.editRole(&$0) { $0.edit("keyids") { $0 = .array(($0.arrayValue ?? []) + ($0.arrayValue ?? [])) } }
        },
        Change("paths and hash prefixes together", "targets") {
            Self.editRole(&$0) { $0.set("path_hash_prefixes", .array([])) }
        },
        Change("neither paths nor hash prefixes", "targets") { Self.editRole(&$0) { $0.removeMember("paths") } },
        Change("terminating is no boolean", "targets") { Self.editRole(&$0) { $0.set("terminating", .integer(1)) } },
    ]

    static func editRole(_ signed: inout JSONValue, _ edit: (inout JSONValue) -> Void) {
        signed.edit("delegations", "roles") { roles in
            guard case .array(var list) = roles, !list.isEmpty else { return }
            edit(&list[0])
            roles = .array(list)
        }
    }

    @Test("What does not have TUF's form is refused, though it is signed by the right key", arguments: changes)
    func form(change: Change) throws {
        let attack = try ArbitrarySoftwareTests.forged(
            change.role, by: ArbitrarySoftwareTests.ownKeys(change.role), change.edit)
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal(
            ArbitrarySoftwareTests.code(change.role, "form"), from: attack, keeping: change.role,
            then: try honest.healed())
    }

    @Test("Names that differ only for Unicode stay two names")
    func canonicalEquivalence() throws {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        var repository = try TestRepository()
        try repository.forgeThrough("staging-web", by: repository.keys.approvers) { signed in
            signed.edit("targets") { targets in
                for (path, length) in [(composed, Int64(1)), (decomposed, 2)] {
                    targets.set(
                        path,
                        .object([
                            JSONMember("length", .integer(length)),
                            JSONMember(
                                "hashes",
                                .object([JSONMember("sha256", .string(String(repeating: "0", count: 64)))])),
                        ]))
                }
            }
        }
        var host = try TestHost(of: repository)
        let trusted = try host.refresh(from: repository)
        #expect(trusted.held("staging-web")?.target(composed)?.length == ByteCount(1))
        #expect(trusted.held("staging-web")?.target(decomposed)?.length == ByteCount(2))
    }

    @Test("A file beyond its cap is refused unread", arguments: ["timestamp", "snapshot", "targets", "root"])
    func size(role: String) throws {
        let honest = try TestRepository()
        var attack = honest
        let cap = ["timestamp": 16_384, "snapshot": 2_000_000, "targets": 5_000_000, "root": 512_000][role] ?? 0
        let name = role == "root" ? "1.root.json" : attack.fileName(of: role)
        let genuine = try #require(attack.served[name])
        let flood = genuine + [UInt8](repeating: UInt8(ascii: " "), count: cap + 1 - genuine.count)
        attack.served[role == "root" ? "2.root.json" : name] = flood
        if ["snapshot", "targets"].contains(role) { try attack.nameAgain(role) }
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.\(role).size", from: attack, keeping: role, then: try honest.healed())
    }

    @Test(
        "A role's name never becomes a path",
        arguments: [
            ("../../etc/passwd", "../../etc/passwd"), ("..", ".."), (".", "."), ("a/b", "a%2Fb"),
            ("a\0b", "a%00b"), ("%2e%2e", "%252e%252e"), ("ü", "%C3%BC"), ("staging-web", "staging-web"),
            ("a b\\", "a%20b%5C"),
        ])
    func roleNames(name: String, encoded: String) {
        let expected = encoded.replacing("/", with: "%2F")
        #expect(MetadataFile.storedName(role: name) == expected + ".json")
        #expect(MetadataFile.name(role: name, version: 3) == "3." + expected + ".json")
    }
}
