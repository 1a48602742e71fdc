import COpenSSL
import ReleaseDefinition

/// The file in which a person hands on a public key: SubjectPublicKeyInfo in PEM (RFC 8410 4), as OpenSSL writes it.
extension PublicKey {
    /// - Throws: `trust.key.form`, `trust.key.weak`.
    public init(file text: String) throws(TrustError) {
        let unreadable = TrustError(
            code: "key.form", summary: "The text is no Ed25519 public key in PEM.",
            remedy: "Give the .pub file that `slipway keys generate` or `openssl pkey -pubout` wrote.")
        guard let reader = PEMReader(Array(text.utf8)) else { throw unreadable }
        defer { reader.close() }
        guard let key = PEM_read_bio_PUBKEY(reader.input, nil, { _, _, _, _ in -1 }, nil) else {
            ERR_clear_error()
            throw unreadable
        }
        defer { EVP_PKEY_free(key) }
        var point = [UInt8](repeating: 0, count: Self.lengthBytes)
        var count = point.count
        guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519, EVP_PKEY_get_raw_public_key(key, &point, &count) == 1,
            count == point.count
        else { throw unreadable }
        try self.init(ed25519: point)
    }

    public var fileText: String { pem }
}
