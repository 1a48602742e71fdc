import COpenSSL
import Glibc
import ReleaseDefinition

/// A private ECDSA P-256 key and what a host does with it, through the system's libcrypto: no other library for it is in
/// the agent. Freed with the value.
public struct EllipticKey: ~Copyable {
    private let key: OpaquePointer

    /// - Parameter pem: PKCS#8 or SEC 1 (RFC 5958, RFC 5915), without a passphrase.
    /// - Throws: `effects.key.form`.
    public init(pem: String) throws(EffectsError) {
        let bytes = Array(pem.utf8)
        // Within the closure: the memory BIO only points to these bytes.
        let read = bytes.withUnsafeBytes { text -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return nil }
            defer { BIO_free(memory) }
            // Without a callback of its own libcrypto would ask a terminal for the passphrase.
            return PEM_read_bio_PrivateKey(memory, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let read else { throw LibcryptoFailure.error("form", "The text is no private key in PEM.") }
        var name = [CChar](repeating: 0, count: 32)
        var length = 0
        guard EVP_PKEY_get_group_name(read, &name, name.count, &length) == 1,
            name.prefix(length).elementsEqual("prime256v1".utf8.map { CChar(bitPattern: $0) })
        else {
            EVP_PKEY_free(read)
            throw LibcryptoFailure.error("form", "The private key is no ECDSA key on the curve P-256.")
        }
        key = read
    }

    deinit { EVP_PKEY_free(key) }

    /// SHA-256 with ECDSA, as DER (RFC 3279 2.2.3).
    /// - Throws: `effects.key.use`.
    public func sign(_ bytes: [UInt8]) throws(EffectsError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw LibcryptoFailure.error("use", Self.unusable) }
        defer { EVP_MD_CTX_free(context) }
        var length = 0
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, nil, &length, bytes, bytes.count) == 1
        else { throw LibcryptoFailure.error("use", Self.unusable) }
        var signature = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSign(context, &signature, &length, bytes, bytes.count) == 1 else {
            throw LibcryptoFailure.error("use", Self.unusable)
        }
        return Array(signature.prefix(length))
    }

    /// A certificate signing request of version 1 without attributes (RFC 2986), as DER.
    /// - Throws: `effects.key.use`.
    public func signingRequest(commonName: String) throws(EffectsError) -> [UInt8] {
        guard let request = X509_REQ_new() else { throw LibcryptoFailure.error("use", Self.unusable) }
        defer { X509_REQ_free(request) }
        let name = Array(commonName.utf8)
        guard X509_REQ_set_version(request, 0) == 1,
            X509_NAME_add_entry_by_txt(
                X509_REQ_get_subject_name(request), "CN", V_ASN1_UTF8STRING, name, Int32(clamping: name.count), -1, 0)
                == 1,
            X509_REQ_set_pubkey(request, key) == 1, X509_REQ_sign(request, key, EVP_sha256()) > 0,
            let bytes = LibcryptoFailure.der({ i2d_X509_REQ(request, $0) })
        else { throw LibcryptoFailure.error("use", "No certificate signing request could be made.") }
        return bytes
    }

    /// Of the public half (SubjectPublicKeyInfo, RFC 5280 4.1.2.7), as `CertificateFacts` has it.
    /// - Throws: `effects.key.use`.
    public func publicKey() throws(EffectsError) -> [UInt8] {
        guard let bytes = LibcryptoFailure.der({ i2d_PUBKEY(key, $0) }) else {
            throw LibcryptoFailure.error("use", Self.unusable)
        }
        return bytes
    }

    private static let unusable = "libcrypto refused to work with this host's private key."
}

/// What a host reads of a certificate (RFC 5280). Nothing is verified by it: TLS does that.
public struct CertificateFacts: Sendable, Equatable {
    public var notBefore: UTCInstant
    public var notAfter: UTCInstant
    /// SubjectPublicKeyInfo, DER.
    public var publicKey: [UInt8]
    /// The value of the extension, DER; nil without one, or with several.
    public var subjectAlternativeNames: [UInt8]?

    /// - Parameter der: the certificate and nothing behind it.
    /// - Throws: `effects.key.certificate`.
    public init(der: [UInt8]) throws(EffectsError) {
        let refused = "The bytes are no certificate."
        let read = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var next = bytes.baseAddress
            guard let certificate = d2i_X509(nil, &next, bytes.count) else { return nil }
            guard next == bytes.baseAddress.map({ $0 + bytes.count }) else {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
        guard let certificate = read else { throw LibcryptoFailure.error("certificate", refused) }
        defer { X509_free(certificate) }
        guard let notBefore = Self.instant(X509_get0_notBefore(certificate)),
            let notAfter = Self.instant(X509_get0_notAfter(certificate)),
            let info = X509_get_X509_PUBKEY(certificate),
            let publicKey = LibcryptoFailure.der({ i2d_X509_PUBKEY(info, $0) })
        else { throw LibcryptoFailure.error("certificate", refused) }
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.publicKey = publicKey
        subjectAlternativeNames = Self.extensionValue(NID_subject_alt_name, of: certificate)
    }

    /// Whether this is the one alternative name of the certificate: a URI, and no other of any kind.
    public func isNamedOnly(uri: String) -> Bool {
        let text = Array(uri.utf8)
        // SEQUENCE { [6] IMPLICIT IA5String } (RFC 5280 4.2.1.6), the one form that DER has for it.
        guard text.count < 120, text.allSatisfy({ $0 < 0x80 }) else { return false }
        return subjectAlternativeNames == [0x30, UInt8(text.count + 2), 0x86, UInt8(text.count)] + text
    }

    private static func instant(_ time: UnsafePointer<ASN1_TIME>?) -> UTCInstant? {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return UTCInstant(secondsSince1970: Int64(timegm(&parts)))
    }

    private static func extensionValue(_ kind: Int32, of certificate: OpaquePointer) -> [UInt8]? {
        let at = X509_get_ext_by_NID(certificate, kind, -1)
        guard at >= 0, X509_get_ext_by_NID(certificate, kind, at) < 0,
            let value = X509_EXTENSION_get_data(X509_get_ext(certificate, at)),
            let start = ASN1_STRING_get0_data(value)
        else { return nil }
        return Array(UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(value))))
    }
}

/// What libcrypto says when it refuses.
enum LibcryptoFailure {
    static func error(
        _ code: String, _ summary: String,
        remedy: String =
            "Restore the file that it came from; if it is whole, check the system's libcrypto (package libssl3)."
    ) -> EffectsError {
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_get_error(), &text, text.count)
        ERR_clear_error()
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return EffectsError(
            code: "key." + code, summary: summary, remedy: remedy, cause: String(decoding: bytes, as: UTF8.self))
    }

    /// The DER that an `i2d` function writes; nil if it refuses.
    static func der(_ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8]? {
        let length = Int(write(nil))
        guard length > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: length)
        let written = bytes.withUnsafeMutableBufferPointer { buffer in
            var next = buffer.baseAddress
            return write(&next)
        }
        return Int(written) == length ? bytes : nil
    }
}
