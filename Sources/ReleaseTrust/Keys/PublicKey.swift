import COpenSSL
import ReleaseDefinition

/// A public key that passed the door: well formed, canonically encoded, and strong.
///
/// libcrypto accepts Ed25519 keys of small order, for which one signature fits every message; no such value can exist
/// here. Equal keys are equal values, whatever they were written as.
/// Source: RFC 8032 5.1.3; trust.md "Canonical JSON".
public struct PublicKey: Hashable, Sendable {
    public static let lengthBytes = 32
    public let algorithm: KeyAlgorithm
    /// Ed25519: the 32 bytes of RFC 8032 5.1.2; ECDSA: the uncompressed point; RSA: SubjectPublicKeyInfo in DER.
    public let bytes: [UInt8]

    /// For bytes that were checked.
    init(bytes: [UInt8], algorithm: KeyAlgorithm) {
        self.bytes = bytes
        self.algorithm = algorithm
    }

    /// - Throws: `trust.key.form`, `trust.key.weak`.
    public init(ed25519 bytes: [UInt8]) throws(TrustError) {
        guard bytes.count == Self.lengthBytes else {
            throw TrustError(
                code: "key.form",
                summary: "An Ed25519 public key has \(Self.lengthBytes) bytes, this one has \(bytes.count).",
                remedy: "Publish the key again as its owner's tool prints it.")
        }
        guard TrustCheck.keyIsCanonical.holds(Self.isCanonical(bytes)) else {
            throw TrustError(
                code: "key.form", summary: "The public key \(Hexadecimal.encode(bytes)) is not canonically encoded.",
                remedy: "No honest tool makes such a key: find out who added it.")
        }
        guard TrustCheck.keyIsStrong.holds(!Self.hasSmallOrder(bytes)) else {
            throw TrustError(
                code: "key.weak",
                summary: "The public key \(Hexadecimal.encode(bytes)) is of small order: anyone can sign for it.",
                remedy: "No honest tool makes such a key: find out who added it.")
        }
        self.init(bytes: bytes, algorithm: .ed25519)
    }

    /// The key object of TUF 4.2.2 as we write it.
    public var json: JSONValue {
        let (keyType, text) =
            switch algorithm {
            case .ed25519: ("ed25519", Hexadecimal.encode(bytes))
            case .ecdsaP256: ("ecdsa", pem)
            case .rsaPSS: ("rsa", pem)
            }
        return .object([
            JSONMember("keytype", .string(keyType)), JSONMember("scheme", .string(algorithm.rawValue)),
            JSONMember("keyval", .object([JSONMember("public", .string(text))])),
        ])
    }

    /// Hexadecimal SHA-256 of the canonical key object.
    public var keyID: String { SHA256Digest(of: json.canonicalBytes).hex }

    /// False for anything that is no valid signature by this key, of whatever length.
    public func verify(signature: [UInt8], over message: [UInt8]) -> Bool {
        guard algorithm != .ed25519 || signature.count == 64, let key = loaded() else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        var keyContext: OpaquePointer?
        let hash = algorithm == .ed25519 ? nil : EVP_sha256()
        guard EVP_DigestVerifyInit(context, &keyContext, hash, nil, key) == 1 else { return false }
        if algorithm == .rsaPSS {
            // The salt's length is the signer's choice: RFC 8017 9.1.2 with any.
            guard EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, RSA_PSS_SALTLEN_AUTO) == 1
            else { return false }
        }
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
