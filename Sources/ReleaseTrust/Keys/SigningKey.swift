import COpenSSL
import ReleaseDefinition

/// An Ed25519 private key. Prints nothing of itself, in no form.
public struct SigningKey: Sendable {
    public let publicKey: PublicKey
    private let seed: [UInt8]

    /// - Parameter pem: PKCS#8; encrypted (PBES2) where a passphrase is given, which is read by whoever owns a terminal.
    /// - Throws: `trust.key.form`, `trust.key.passphrase`, `trust.key.weak`.
    public init(pem: String, passphrase: [UInt8]? = nil) throws(TrustError) {
        let isEncrypted = Self.isEncrypted(pem: pem)
        if isEncrypted, passphrase == nil { throw Self.locked }
        let text = Array(pem.utf8)
        guard let reader = PEMReader(text) else { throw Self.unreadable }
        defer { reader.close() }
        // A C string: libcrypto takes the bytes up to the zero. An empty one keeps it from asking on the terminal.
        var secret = (passphrase ?? []).filter { $0 != 0 } + [0]
        defer { secret.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        let read = secret.withUnsafeMutableBytes { PEM_read_bio_PrivateKey(reader.input, nil, nil, $0.baseAddress) }
        guard let key = read else {
            ERR_clear_error()
            throw isEncrypted ? Self.wrongPassphrase : Self.unreadable
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

    /// Whether a passphrase is needed to read it.
    public static func isEncrypted(pem: String) -> Bool { pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") }

    private static let unreadable = TrustError(
        code: "key.form", summary: "The text is no Ed25519 private key in PEM (PKCS#8).",
        remedy: "Give the key file that `slipway keys generate` or `openssl genpkey -algorithm ed25519` wrote.")
    private static let locked = TrustError(
        code: "key.passphrase", summary: "The private key is encrypted, and no passphrase was given.",
        remedy: "Give it with --passphrase-file, or on stdin with --passphrase-file -.")
    private static let wrongPassphrase = TrustError(
        code: "key.passphrase", summary: "The private key cannot be decrypted with this passphrase.",
        remedy: "Check the passphrase; a line feed at its end does not count.")
    private static let unusable = TrustError(
        code: "key.unusable", summary: "libcrypto refused to sign with this Ed25519 key.",
        remedy: "See that the system's OpenSSL is 3.0 or later and offers Ed25519.")
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SigningKey(\(publicKey.keyID.prefix(8))…)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
