import ReleaseDefinition
import Testing

@testable import ReleaseTrust

extension Attack {
    static let form: [Attack] = [
        Attack(.fileSize, "an endless timestamp", "trust.timestamp.size") {
            var attack = try TestRepository()
            attack.timestamp += [UInt8](repeating: 0x20, count: 20_000)
            try meets(attack)
        },
        Attack(.fileType, "the file of another role", "trust.timestamp.type") {
            var attack = try TestRepository()
            try attack.forge("timestamp", by: attack.keys.timestamp) { $0.set("_type", .string("snapshot")) }
            try meets(attack)
        },
        Attack(.specVersion, "a file of specification 2.0.0", "trust.timestamp.specVersion") {
            var attack = try TestRepository()
            try attack.forge("timestamp", by: attack.keys.timestamp) { $0.set("spec_version", .string("2.0.0")) }
            try meets(attack)
        },
        Attack(.keyIsHash, "a key id that is not the key's hash", "trust.key.id") {
            try meets(
                try withRoot { signed in
                    let key = TestKeys.key("stranger").publicKey.json
                    signed.edit("keys") { $0.set(String(repeating: "a", count: 64), key) }
                })
        },
        Attack(.keyIsStrong, "a key of small order", "trust.key.weak") {
            try meets(try withRoot { name(key("01" + String(repeating: "0", count: 62)), for: "targets", in: &$0) })
        },
        Attack(.keyIsCanonical, "a key that is not canonically encoded", "trust.key.form") {
            let text = "f0" + String(repeating: "f", count: 60) + "7f"
            try meets(try withRoot { name(key(text), for: "targets", in: &$0) })
        },
        Attack(.keyAlgorithm, "a signature by an algorithm outside the policy", "trust.timestamp.signatures") {
            var attack = try withRoot {
                name(ForeignKey.ecdsa.json, for: "timestamp", threshold: 1, alone: true, in: &$0)
            }
            attack.timestamp = try ForeignKey.ecdsa.resign(attack.timestamp)
            try meets(attack)
        },
        Attack(.thresholdIsPositive, "a threshold of zero", "trust.root.form") {
            try meets(try withRoot { $0.edit("roles", "timestamp") { $0.set("threshold", .integer(0)) } })
        },
        Attack(.keySignsOnce, "a key id that signs twice", "trust.timestamp.form") {
            var attack = try TestRepository()
            try attack.editSignatures("timestamp.json") { $0 + $0 }
            try meets(attack)
        },
        Attack(.keyCountsOnce, "one key under two ids", "trust.timestamp.signatures") {
            var twin = TestKeys.key("timestamp").publicKey.json
            twin.set("x-comment", .string("the same key"))
            let twinID = SHA256Digest(of: twin.canonicalBytes).hex
            var attack = try withRoot { name(twin, for: "timestamp", threshold: 2, in: &$0) }
            try attack.editSignatures("timestamp.json") { signatures in
                var other = signatures[0]
                other.set("keyid", .string(twinID))
                return signatures + [other]
            }
            try meets(attack)
        },
        Attack(.signatureIsValid, "a file changed after it was signed", "trust.timestamp.signatures") {
            var attack = try TestRepository()
            try attack.forge("timestamp") { $0.set("x", .string("changed")) }
            try meets(attack)
        },
        Attack(.threshold, "a file that nobody signed", "trust.timestamp.signatures") {
            var attack = try TestRepository()
            try attack.forge("timestamp", by: []) { _ in }
            try meets(attack)
        },
    ]

    private static func key(_ hexadecimal: String) -> JSONValue {
        .object([
            JSONMember("keytype", .string("ed25519")), JSONMember("scheme", .string("ed25519")),
            JSONMember("keyval", .object([JSONMember("public", .string(hexadecimal))])),
        ])
    }

    private static func name(_ key: JSONValue, for role: String, in signed: inout JSONValue) {
        name(key, for: role, threshold: 1, in: &signed)
    }
}

extension TestRepository {
    /// Changes who signed a file that is served, not what is signed.
    mutating func editSignatures(_ name: String, _ edit: ([JSONValue]) -> [JSONValue]) throws {
        var envelope = try JSONValue(parsing: try #require(served[name]))
        envelope.set("signatures", .array(edit(try #require(envelope["signatures"]?.arrayValue))))
        served[name] = envelope.canonicalBytes
    }
}
