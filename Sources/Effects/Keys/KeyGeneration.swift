import COpenSSL
import ReleaseDefinition

/// New private keys from the system's libcrypto, as PKCS#8 PEM. The only place where keys are made.
public enum KeyGeneration {
    /// - Parameter passphrase: encrypts the key: PBES2 with scrypt and AES-256 (RFC 8018, RFC 7914).
    public static func ed25519PrivateKeyPEM(passphrase: [UInt8]? = nil) throws -> String {
        try pem(of: EVP_PKEY_ED25519, passphrase: passphrase) { _ in true }
    }

    public static func ecdsaP256PrivateKeyPEM() throws -> String {
        try pem(of: EVP_PKEY_EC) { EVP_PKEY_CTX_set_ec_paramgen_curve_nid($0, NID_X9_62_prime256v1) == 1 }
    }

    /// The same key under a passphrase.
    public static func encrypted(pem: String, passphrase: [UInt8]) throws -> String {
        try text(of: read(pem, nil), passphrase)
    }

    /// The same key without its passphrase.
    public static func decrypted(pem: String, passphrase: [UInt8]) throws -> String {
        try text(of: read(pem, passphrase), nil)
    }

    private static func read(_ pem: String, _ passphrase: [UInt8]?) throws -> OpaquePointer {
        var secret = (passphrase ?? []).filter { $0 != 0 } + [0]
        let bytes = Array(pem.utf8)
        let key = bytes.withUnsafeBytes { text -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return nil }
            defer { BIO_free(memory) }
            // Without a callback libcrypto takes the last argument for the passphrase.
            return secret.withUnsafeMutableBytes { PEM_read_bio_PrivateKey(memory, nil, nil, $0.baseAddress) }
        }
        guard let key else {
            throw LibcryptoFailure.error(
                "form", "The text is no private key in PEM, or another passphrase opens it.",
                remedy: "Check the file and the passphrase; a line feed at its end does not count.")
        }
        return key
    }

    private static func pem(
        of kind: Int32, passphrase: [UInt8]? = nil, prepare: (OpaquePointer) -> Bool
    ) throws -> String {
        guard let context = EVP_PKEY_CTX_new_id(kind, nil) else { throw failure("EVP_PKEY_CTX_new_id") }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, prepare(context), EVP_PKEY_keygen(context, &key) == 1, let key else {
            throw failure("EVP_PKEY_keygen")
        }
        return try text(of: key, passphrase)
    }

    /// - Parameter key: freed here.
    private static func text(of key: OpaquePointer, _ passphrase: [UInt8]?) throws -> String {
        defer { EVP_PKEY_free(key) }
        // Secure-heap or not, the BIO's memory is wiped when it is freed (BUF_MEM_free clears).
        guard let memory = BIO_new(BIO_s_mem()) else { throw failure("BIO_new") }
        defer { BIO_free(memory) }
        if let passphrase {
            try write(key, to: memory, passphrase)
        } else {
            guard PEM_write_bio_PKCS8PrivateKey(memory, key, nil, nil, 0, nil, nil) == 1 else {
                throw failure("PEM_write_bio_PKCS8PrivateKey")
            }
        }
        var start: UnsafeMutablePointer<CChar>?
        let length = BIO_ctrl(memory, BIO_CTRL_INFO, 0, &start)
        guard length > 0, let start else { throw failure("BIO_get_mem_data") }
        let bytes = UnsafeRawBufferPointer(start: start, count: length)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// scrypt with N = 2^14, r = 8, p = 1: 16 MiB for each guess, the most that libcrypto reads without being told more.
    private static func write(_ key: OpaquePointer, to memory: OpaquePointer, _ passphrase: [UInt8]) throws {
        guard let plain = EVP_PKEY2PKCS8(key) else { throw failure("EVP_PKEY2PKCS8") }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        let method = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nil, 0, nil, 1 << 14, 8, 1)
        guard let method else { throw failure("PKCS5_pbe2_set_scrypt") }
        let encrypted = passphrase.withUnsafeBytes { bytes in
            PKCS8_set0_pbe(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count), plain, method)
        }
        guard let encrypted else {
            X509_ALGOR_free(method)
            throw failure("PKCS8_set0_pbe")
        }
        defer { X509_SIG_free(encrypted) }
        guard PEM_write_bio_PKCS8(memory, encrypted) == 1 else { throw failure("PEM_write_bio_PKCS8") }
    }

    private static func failure(_ call: String) -> EffectsError {
        LibcryptoFailure.error(
            "generation", "No key could be made (\(call)).",
            remedy: "Check the system's libcrypto (package libssl3).")
    }
}
