import COpenSSL
import ReleaseDefinition

/// An Ed25519 private key. Prints nothing of itself, in no form.
public struct SigningKey: Sendable {
    public let publicKey: PublicKey
    private let seed: [UInt8]

    /// - Parameter pem: PKCS#8, not encrypted (a passphrase is asked for by whoever owns a terminal).
    /// - Throws: `trust.key.form`, `trust.key.weak`.
    public init(pem: String) throws(TrustError) {
        let text = Array(pem.utf8)
        guard let input = BIO_new_mem_buf(text, Int32(clamping: text.count)) else { throw Self.unreadable }
        defer { BIO_free(input) }
        // Without a callback libcrypto would ask for a passphrase on the terminal.
        guard let key = PEM_read_bio_PrivateKey(input, nil, { _, _, _, _ in -1 }, nil) else {
            ERR_clear_error()
            throw Self.unreadable
        }
        defer { EVP_PKEY_free(key) }
        var seed = [UInt8](repeating: 0, count: 32)
        var point = [UInt8](repeating: 0, count: PublicKey.lengthBytes)
        var (seedCount, pointCount) = (seed.count, point.count)
        guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519,
            EVP_PKEY_get_raw_private_key(key, &seed, &seedCount) == 1, seedCount == seed.count,
            EVP_PKEY_get_raw_public_key(key, &point, &pointCount) == 1
        else { throw Self.unreadable }
        self.seed = seed
        publicKey = try PublicKey(ed25519: point)
    }

    /// The 64 bytes of an Ed25519 signature (RFC 8032 5.1.6): deterministic.
    /// - Throws: `trust.key.unusable` when libcrypto refuses to sign.
    public func sign(_ message: [UInt8]) throws(TrustError) -> [UInt8] {
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else {
            throw Self.unusable
        }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { throw Self.unusable }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else { throw Self.unusable }
        return signature
    }

    private static let unreadable = TrustError(
        code: "key.form", summary: "The text is no unencrypted Ed25519 private key in PEM (PKCS#8).",
        remedy: "Give the key file that `slipway init` or `openssl genpkey -algorithm ed25519` wrote.")
    private static let unusable = TrustError(
        code: "key.unusable", summary: "libcrypto refused to sign with this Ed25519 key.",
        remedy: "See that the system's OpenSSL is 3.0 or later and offers Ed25519.")
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SigningKey(\(publicKey.keyID.prefix(8))…)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
