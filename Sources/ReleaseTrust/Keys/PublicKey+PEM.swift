import COpenSSL
import ReleaseDefinition

/// ECDSA and RSA keys come as PEM, which writes one key in many ways; what is kept is one form of each, so that the same
/// key under two ids is seen.
extension PublicKey {
    static let pemSizeMax = 16 << 10
    static let rsaBits: ClosedRange<Int32> = 2048...8192

    /// - Throws: `trust.key.form`, `trust.key.weak`.
    init(pem: String, algorithm: KeyAlgorithm) throws(TrustError) {
        let text = Array(pem.utf8)
        guard text.count <= Self.pemSizeMax, let reader = PEMReader(text) else {
            throw Self.unreadable(algorithm)
        }
        defer { reader.close() }
        guard let key = PEM_read_bio_PUBKEY(reader.input, nil, { _, _, _, _ in -1 }, nil) else {
            ERR_clear_error()
            throw Self.unreadable(algorithm)
        }
        defer { EVP_PKEY_free(key) }
        switch algorithm {
        case .ed25519: throw Self.unreadable(algorithm)
        case .ecdsaP256: try self.init(bytes: Self.point(of: key), algorithm: algorithm)
        case .rsaPSS: try self.init(bytes: Self.rsaInformation(of: key), algorithm: algorithm)
        }
    }

    /// `04 X Y`: libcrypto has checked that it lies on the curve.
    private static func point(of key: OpaquePointer) throws(TrustError) -> [UInt8] {
        var name = [CChar](repeating: 0, count: 64)
        guard EVP_PKEY_get_id(key) == EVP_PKEY_EC,
            EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1,
            name.prefix(while: { $0 != 0 }).elementsEqual("prime256v1".utf8.map(CChar.init)),
            let x = number(OSSL_PKEY_PARAM_EC_PUB_X, of: key, count: 32),
            let y = number(OSSL_PKEY_PARAM_EC_PUB_Y, of: key, count: 32)
        else { throw unreadable(.ecdsaP256) }
        return [0x04] + x + y
    }

    private static func rsaInformation(of key: OpaquePointer) throws(TrustError) -> [UInt8] {
        guard EVP_PKEY_get_id(key) == EVP_PKEY_RSA, let exponent = number(OSSL_PKEY_PARAM_RSA_E, of: key, count: 8),
            let der = information(of: key)
        else { throw unreadable(.rsaPSS) }
        let bits = EVP_PKEY_get_bits(key)
        let power = exponent.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard rsaBits.contains(bits), power >= 3, power % 2 == 1 else {
            throw TrustError(
                code: "key.weak",
                summary: "An RSA key has \(bits) bits and exponent \(power); \(rsaBits.lowerBound) to "
                    + "\(rsaBits.upperBound) bits and an odd exponent from 3 on are accepted.",
                remedy: "Nothing was accepted. The repository's owner has to replace the key.")
        }
        return der
    }

    /// Big-endian, of exactly so many bytes; nil for one that is longer.
    private static func number(_ name: String, of key: OpaquePointer, count: Int32) -> [UInt8]? {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(key, name, &number) == 1 else {
            ERR_clear_error()
            return nil
        }
        defer { BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        return BN_bn2binpad(number, &bytes, count) == count ? bytes : nil
    }

    /// SubjectPublicKeyInfo in DER. RFC 5280 4.1.
    private static func information(of key: OpaquePointer) -> [UInt8]? {
        let count = i2d_PUBKEY(key, nil)
        guard count > 0 else { return nil }
        var der = [UInt8](repeating: 0, count: Int(count))
        let written = der.withUnsafeMutableBufferPointer { buffer in
            var end = buffer.baseAddress
            return i2d_PUBKEY(key, &end)
        }
        return written == count ? der : nil
    }

    private static func unreadable(_ algorithm: KeyAlgorithm) -> TrustError {
        TrustError(
            code: "key.form", summary: "A key is no public key for \(algorithm.rawValue) in PEM.",
            remedy: "Nothing was accepted. Publish the key again as its owner's tool prints it.")
    }

    // MARK: Back to what libcrypto reads

    /// The one form of SubjectPublicKeyInfo in which this key is written.
    var information: [UInt8] {
        switch algorithm {
        case .ed25519: [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00] + bytes
        case .ecdsaP256: Self.pointPrefix + bytes
        case .rsaPSS: bytes
        }
    }

    /// RFC 5480 2: id-ecPublicKey, secp256r1, a bit string of 65 bytes.
    private static let pointPrefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]

    /// For the caller to free.
    func loaded() -> OpaquePointer? {
        if algorithm == .ed25519 { return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count) }
        let der = information
        return der.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return d2i_PUBKEY(nil, &start, buffer.count)
        }
    }

    /// The text that `keyval.public` of an ECDSA or RSA key holds.
    var pem: String {
        guard let key = loaded(), let output = BIO_new(BIO_s_mem()) else { return "" }
        defer {
            EVP_PKEY_free(key)
            BIO_free(output)
        }
        guard PEM_write_bio_PUBKEY(output, key) == 1 else { return "" }
        var text = [UInt8](repeating: 0, count: Self.pemSizeMax)
        let count = BIO_read(output, &text, Int32(text.count))
        return String(decoding: text.prefix(Int(max(count, 0))), as: UTF8.self)
    }
}
