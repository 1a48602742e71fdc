import COpenSSL
import ReleaseDefinition

/// An Ed25519 public key that passed the door: 32 bytes, canonical encoding, not of small order.
///
/// libcrypto accepts keys of small order, for which one signature fits every message; no such value can exist here.
/// Source: RFC 8032 5.1.3; trust.md "Canonical JSON".
public struct PublicKey: Hashable, Sendable {
    public static let lengthBytes = 32
    /// The encoding of RFC 8032 5.1.2.
    public let bytes: [UInt8]

    /// - Throws: `trust.key.form`, `trust.key.weak`.
    public init(ed25519 bytes: [UInt8]) throws(TrustError) {
        guard bytes.count == Self.lengthBytes else {
            throw TrustError(
                code: "key.form",
                summary: "An Ed25519 public key has \(Self.lengthBytes) bytes, this one has \(bytes.count).",
                remedy: "Publish the key again as its owner's tool prints it.")
        }
        guard Self.isCanonical(bytes) else {
            throw TrustError(
                code: "key.form", summary: "The public key \(Hexadecimal.encode(bytes)) is not canonically encoded.",
                remedy: "No honest tool makes such a key: find out who added it.")
        }
        guard !Self.hasSmallOrder(bytes) else {
            throw TrustError(
                code: "key.weak",
                summary: "The public key \(Hexadecimal.encode(bytes)) is of small order: anyone can sign for it.",
                remedy: "No honest tool makes such a key: find out who added it.")
        }
        self.bytes = bytes
    }

    /// The key object of TUF 4.2.2 as we write it.
    public var json: JSONValue {
        .object([
            JSONMember("keytype", .string("ed25519")), JSONMember("scheme", .string("ed25519")),
            JSONMember("keyval", .object([JSONMember("public", .string(Hexadecimal.encode(bytes)))])),
        ])
    }

    /// Hexadecimal SHA-256 of the canonical key object.
    public var keyID: String { SHA256Digest(of: json.canonicalBytes).hex }

    /// False for anything that is no valid signature by this key, of whatever length.
    public func verify(signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        let isValid = EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        // A refused signature leaves a line in this thread's error queue that nobody reads.
        if !isValid { ERR_clear_error() }
        return isValid
    }

    /// y, the lower 255 bits in little-endian order, is less than p = 2^255 - 19.
    private static func isCanonical(_ bytes: [UInt8]) -> Bool {
        !(bytes[0] >= 0xED && bytes[1..<31].allSatisfy { $0 == 0xFF } && bytes[31] & 0x7F == 0x7F)
    }

    /// The eight points of small order have five different y: 0, 1, -1 and two of order eight; the sign bit is free.
    private static func hasSmallOrder(_ bytes: [UInt8]) -> Bool {
        var y = bytes
        y[31] &= 0x7F
        return smallOrderY.contains(y)
    }

    private static let smallOrderY: [[UInt8]] = [
        [UInt8](repeating: 0, count: 32),
        [1] + [UInt8](repeating: 0, count: 31),
        [0xEC] + [UInt8](repeating: 0xFF, count: 30) + [0x7F],
        [
            0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
            0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
        ],
        [
            0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
            0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
        ],
    ]
}
