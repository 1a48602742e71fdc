import ReleaseDefinition
import Testing

@testable import ReleaseTrust

@Suite("Attack: arbitrary software, wrong or too few signatures")
struct ArbitrarySoftwareTests {
    static let roles = ["timestamp", "snapshot", "targets", "staging-web"]

    static func code(_ role: String, _ why: String) -> String {
        "trust.\(role == "staging-web" ? "role" : role).\(why)"
    }

    static func ownKeys(_ role: String) -> [SigningKey] { [TestKeys.key(role == "staging-web" ? "approver" : role)] }

    /// The whole repository names the forged file, so that its signatures alone decide.
    static func forged(_ role: String, by keys: [SigningKey]?, _ edit: (inout JSONValue) -> Void = { _ in }) throws
        -> TestRepository
    {
        var attack = try TestRepository()
        switch role {
        case "timestamp": try attack.forge(role, by: keys, edit)
        default: try attack.forgeThrough(role, by: keys, edit)
        }
        return attack
    }

    @Test("A file changed after it was signed is refused", arguments: roles)
    func changed(role: String) throws {
        let attack = try Self.forged(role, by: nil) { $0.set("x", .string("changed")) }
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal(Self.code(role, "signatures"), from: attack, keeping: role, then: try honest.healed())
    }

    @Test("A file signed by a stranger, or by another role's key, is refused", arguments: roles)
    func stranger(role: String) throws {
        for key in [TestKeys.key("stranger"), TestKeys.key("director"), TestKeys.key("emergency")] {
            let attack = try Self.forged(role, by: [key])
            let honest = try TestRepository()
            var host = try TestHost(of: honest)
            try host.expectRefusal(
                Self.code(role, "signatures"), from: attack, keeping: role, then: try honest.healed())
        }
    }

    @Test("A stranger's signature under the id of the right key is refused", arguments: roles)
    func wrongKeyID(role: String) throws {
        var attack = try TestRepository()
        let name = attack.fileName(of: role)
        var envelope = try JSONValue(parsing: try #require(attack.served[name]))
        let signed = try #require(envelope["signed"])
        let signature = try TestKeys.key("stranger").sign(signed.canonicalBytes)
        envelope.set(
            "signatures",
            .array([
                .object([
                    JSONMember("keyid", .string(Self.ownKeys(role)[0].publicKey.keyID)),
                    JSONMember("sig", .string(Hexadecimal.encode(signature))),
                ])
            ]))
        attack.served[name] = envelope.canonicalBytes
        if role != "timestamp" { try attack.nameAgain(role) }
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal(Self.code(role, "signatures"), from: attack, keeping: role, then: try honest.healed())
    }

    @Test("A file without signatures is refused", arguments: roles)
    func unsigned(role: String) throws {
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal(
            Self.code(role, "signatures"), from: try Self.forged(role, by: []), keeping: role, then: try honest.healed()
        )
    }

    @Test("A file in which one key id signs twice is refused", arguments: roles)
    func signsTwice(role: String) throws {
        let attack = try Self.forged(role, by: Self.ownKeys(role) + Self.ownKeys(role))
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal(Self.code(role, "form"), from: attack, keeping: role, then: try honest.healed())
    }

    @Test("The file of another role is refused, though its signature is good", arguments: roles)
    func otherType(role: String) throws {
        for type in ["root", "timestamp", "snapshot", "targets", "mirrors", ""]
        where type != (role == "staging-web" ? "targets" : role) {
            let attack = try Self.forged(role, by: Self.ownKeys(role)) { $0.set("_type", .string(type)) }
            let honest = try TestRepository()
            var host = try TestHost(of: honest)
            try host.expectRefusal(Self.code(role, "type"), from: attack, keeping: role, then: try honest.healed())
        }
    }

    @Test(
        "A file of another major version of the specification is refused",
        arguments: ["2.0.0", "0.9.0", "1", "", "1.x"])
    func specVersion(text: String) throws {
        for role in Self.roles {
            let attack = try Self.forged(role, by: Self.ownKeys(role)) { $0.set("spec_version", .string(text)) }
            let honest = try TestRepository()
            var host = try TestHost(of: honest)
            try host.expectRefusal(
                Self.code(role, "specVersion"), from: attack, keeping: role, then: try honest.healed())
        }
    }

    @Test("Members that we do not know are part of what is signed and change nothing else", arguments: roles)
    func unknownMembers(role: String) throws {
        let honest = try Self.forged(role, by: Self.ownKeys(role)) { signed in
            signed.set("x-other", .object([JSONMember("z", .null), JSONMember("a\u{301}\"", .string("\u{7f}ü/"))]))
        }
        var host = try TestHost(of: honest)
        try host.refresh(from: honest).requireTargets([TestRepository.path("1.0")])
    }
}

@Suite("Attack: thresholds and key tables")
struct ThresholdTests {
    /// Roots that name the timestamp's keys in a wrong or tricky way; signed by the right root key.
    private func repository(_ edit: @escaping (inout JSONValue) -> Void) throws -> TestRepository {
        var repository = try TestRepository()
        repository.keys.timestamp = [TestKeys.key("timestamp"), TestKeys.key("timestamp-2")]
        try repository.forge("root", by: repository.keys.root) { signed in
            signed.set("version", .integer(2))
            edit(&signed)
        }
        repository.served["2.root.json"] = repository.served["1.root.json"]
        repository.served["1.root.json"] = try TestRepository().served["1.root.json"]
        return repository
    }

    private func addTimestampKey(_ json: JSONValue, threshold: Int64, in signed: inout JSONValue) {
        let keyID = SHA256Digest(of: json.canonicalBytes).hex
        signed.edit("keys") { $0.set(keyID, json) }
        signed.edit("roles", "timestamp") { role in
            role.set("keyids", .array((role["keyids"]?.arrayValue ?? []) + [.string(keyID)]))
            role.set("threshold", .integer(threshold))
        }
    }

    @Test("Two keys are needed where the threshold is two")
    func two() throws {
        let second = TestKeys.key("timestamp-2")
        var repository = try repository { addTimestampKey(second.publicKey.json, threshold: 2, in: &$0) }
        var signedByBoth = repository
        try signedByBoth.forge("timestamp", by: repository.keys.timestamp) { _ in }
        for keys in [[TestKeys.key("timestamp")], [second], [second, TestKeys.key("snapshot")]] {
            try repository.forge("timestamp", by: keys) { _ in }
            var host = try TestHost(of: repository)
            try host.expectRefusal(
                "trust.timestamp.signatures", from: repository, keeping: "timestamp", then: signedByBoth)
        }
    }

    @Test("The same public key under two ids counts once")
    func sameKeyTwice() throws {
        let key = TestKeys.key("timestamp")
        var twin = key.publicKey.json
        twin.set("x-comment", .string("the same key with another id"))
        let twinID = SHA256Digest(of: twin.canonicalBytes).hex
        var attack = try repository { [twin] in addTimestampKey(twin, threshold: 2, in: &$0) }
        try attack.forge("timestamp", by: nil) { _ in }
        var envelope = try JSONValue(parsing: attack.timestamp)
        let one = try #require(envelope["signatures"]?.arrayValue?.first)
        var other = one
        other.set("keyid", .string(twinID))
        envelope.set("signatures", .array([one, other]))
        attack.timestamp = envelope.canonicalBytes
        var host = try TestHost(of: attack)
        try host.expectRefusal(
            "trust.timestamp.signatures", from: attack, keeping: "timestamp",
            then: try TestRepository().withRoot(of: attack))
    }

    @Test("A threshold of zero or less is refused when it is read", arguments: [0, -1, Int64.min])
    func zero(threshold: Int64) throws {
        let attack = try repository { $0.edit("roles", "timestamp") { $0.set("threshold", .integer(threshold)) } }
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.root.form", from: attack, keeping: "root", then: try honest.healed())
    }

    @Test("A threshold above the number of keys can be read and never be met")
    func unreachable() throws {
        var attack = try repository { $0.edit("roles", "timestamp") { $0.set("threshold", .integer(.max)) } }
        try attack.forge("timestamp", by: attack.keys.timestamp) { _ in }
        var host = try TestHost(of: attack)
        expectRefusal("trust.timestamp.signatures") { try host.refresh(from: attack) }
    }

    @Test("A key id that is not the hash of its key is refused")
    func keyID() throws {
        let attack = try repository { signed in
            signed.edit("keys") { $0.set(String(repeating: "a", count: 64), TestKeys.key("stranger").publicKey.json) }
        }
        let honest = try TestRepository()
        var host = try TestHost(of: honest)
        try host.expectRefusal("trust.key.id", from: attack, keeping: "root", then: try honest.healed())
    }

    @Test("A key of small order is refused wherever a key may stand")
    func weakKey() throws {
        let weak = JSONValue.object([
            JSONMember("keytype", .string("ed25519")), JSONMember("scheme", .string("ed25519")),
            JSONMember("keyval", .object([JSONMember("public", .string("01" + String(repeating: "0", count: 62)))])),
        ])
        let keyID = SHA256Digest(of: weak.canonicalBytes).hex
        let honest = try TestRepository()

        var host = try TestHost(of: honest)
        let inRoot = try repository { $0.edit("keys") { $0.set(keyID, weak) } }
        try host.expectRefusal("trust.key.weak", from: inRoot, keeping: "root", then: try honest.healed())

        for place in [["delegations", "keys"], ["x-slipway", "director", "keys"]] {
            var attack = try TestRepository()
            try attack.forgeThrough("targets", by: attack.keys.targets) { signed in
                switch place.count {
                case 2: signed.edit(place[0], place[1]) { $0.set(keyID, weak) }
                default: signed.edit(place[0], place[1], place[2]) { $0.set(keyID, weak) }
                }
            }
            host = try TestHost(of: honest)
            try host.expectRefusal("trust.key.weak", from: attack, keeping: "targets", then: try honest.healed())
        }
    }

    @Test("A key of an algorithm outside the policy is carried and counts for nothing")
    func otherAlgorithm() throws {
        let rsa = JSONValue.object([
            JSONMember("keytype", .string("rsa")), JSONMember("scheme", .string("rsassa-pss-sha256")),
            JSONMember("keyval", .object([JSONMember("public", .string("-----BEGIN PUBLIC KEY-----"))])),
        ])
        let repository = try repository { addTimestampKey(rsa, threshold: 1, in: &$0) }
        var host = try TestHost(of: repository)
        try host.refresh(from: repository).requireTargets([TestRepository.path("1.0")])
    }

    @Test("A director whose key is also a role's key is refused")
    func directorApart() throws {
        for name in ["approver", "emergency", "timestamp", "root"] {
            var attack = try TestRepository()
            let shared = TestKeys.key(name).publicKey
            try attack.forgeThrough("targets", by: attack.keys.targets) { signed in
                signed.edit("x-slipway", "director", "keys") { $0.set(shared.keyID, shared.json) }
            }
            let honest = try TestRepository()
            var host = try TestHost(of: honest)
            try host.expectRefusal(
                "trust.targets.directorKey", from: attack, keeping: "targets", then: try honest.healed())
        }
    }
}

extension TestRepository {
    /// The same repository with a timestamp that the other's newest root accepts.
    func withRoot(of other: TestRepository) throws -> TestRepository {
        var copy = other
        copy.timestamp = try Forgery.edit(timestamp, by: nil) { _ in }
        let roots = other.served.filter { $0.key.hasSuffix(".root.json") }
        copy.served.merge(roots) { $1 }
        // The twin's threshold of two can only be met by another root: publish one.
        let newest = try #require(other.served["2.root.json"])
        copy.served["3.root.json"] = try Forgery.edit(newest, by: keys.root) { signed in
            signed.set("version", .integer(3))
            signed.edit("roles", "timestamp") { $0.set("threshold", .integer(1)) }
        }
        return copy
    }
}
