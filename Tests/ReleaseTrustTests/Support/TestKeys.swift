import FoundationEssentials
import ReleaseDefinition

@testable import ReleaseTrust

/// Fixed keys, derived from their names: `insecure-test-root`, ….
enum TestKeys {
    static func key(_ name: String) -> SigningKey {
        key(seed: SHA256Digest(of: Array("insecure-test-\(name)".utf8)).bytes)
    }

    static func key(seed: [UInt8]) -> SigningKey {
        try! SigningKey(pem: pem(seed: seed))
    }

    /// RFC 8410 7: a PKCS#8 wrapper around the seed.
    static func pem(seed: [UInt8]) -> String {
        let prefix: [UInt8] = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        let text = Data(prefix + seed).base64EncodedString()
        return "-----BEGIN PRIVATE KEY-----\n\(text)\n-----END PRIVATE KEY-----\n"
    }

    static let solo = RepositoryKeys(
        root: [key("root")], targets: [key("targets")], approvers: [key("approver")], emergency: [key("emergency")],
        snapshot: [key("snapshot")], timestamp: [key("timestamp")], director: [key("director")])
}
