import COpenSSL
import ReleaseDefinition

@testable import ReleaseTrust

/// Keys of other people's repositories, fixed: `insecure-test-…`. They sign as securesystemslib does.
struct ForeignKey {
    let algorithm: KeyAlgorithm
    let pem: String

    static let ecdsa = ForeignKey(algorithm: .ecdsaP256, pem: insecureTestP256)
    static let rsa = ForeignKey(algorithm: .rsaPSS, pem: insecureTestRSA2048)
    /// Refused: another curve, and too short.
    static let otherCurve = ForeignKey(algorithm: .ecdsaP256, pem: insecureTestP384)
    static let shortRSA = ForeignKey(algorithm: .rsaPSS, pem: insecureTestRSA1024)

    private func withKey<Value>(_ body: (OpaquePointer) -> Value) -> Value {
        let text = Array(pem.utf8)
        let input = BIO_new_mem_buf(text, Int32(text.count))
        defer { BIO_free(input) }
        let key = PEM_read_bio_PrivateKey(input, nil, nil, nil)!
        defer { EVP_PKEY_free(key) }
        return body(key)
    }

    var publicPEM: String {
        withKey { key in
            let output = BIO_new(BIO_s_mem())
            defer { BIO_free(output) }
            PEM_write_bio_PUBKEY(output, key)
            var text = [UInt8](repeating: 0, count: 4096)
            let count = BIO_read(output, &text, 4096)
            return String(decoding: text.prefix(Int(count)), as: UTF8.self)
        }
    }

    /// The same point in 33 bytes.
    var compressedPEM: String {
        withKey { key in
            EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed")
            let output = BIO_new(BIO_s_mem())
            defer { BIO_free(output) }
            PEM_write_bio_PUBKEY(output, key)
            var text = [UInt8](repeating: 0, count: 4096)
            let count = BIO_read(output, &text, 4096)
            return String(decoding: text.prefix(Int(count)), as: UTF8.self)
        }
    }

    /// The older padding, which is no PSS.
    func signByPKCS1(_ message: [UInt8]) -> [UInt8] { sign(message, saltLength: nil) }

    /// The key object of TUF 4.2.2.
    var json: JSONValue { json(publicPEM) }

    func json(_ pem: String, keyType: String? = nil) -> JSONValue {
        .object([
            JSONMember("keytype", .string(keyType ?? (algorithm == .rsaPSS ? "rsa" : "ecdsa"))),
            JSONMember("scheme", .string(algorithm.rawValue)),
            JSONMember("keyval", .object([JSONMember("public", .string(pem))])),
        ])
    }

    var keyID: String { SHA256Digest(of: json.canonicalBytes).hex }

    func sign(_ message: [UInt8], saltLength: Int32? = 32) -> [UInt8] {
        withKey { key in
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            var keyContext: OpaquePointer?
            EVP_DigestSignInit(context, &keyContext, EVP_sha256(), nil, key)
            if algorithm == .rsaPSS, let saltLength {
                EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING)
                EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, saltLength)
            }
            var signature = [UInt8](repeating: 0, count: 1024)
            var count = signature.count
            EVP_DigestSign(context, &signature, &count, message, message.count)
            return Array(signature.prefix(count))
        }
    }

    /// Signs a metadata file anew, alone.
    func resign(_ file: [UInt8], _ edit: (inout JSONValue) -> Void = { _ in }) throws -> [UInt8] {
        var envelope = try JSONValue(parsing: file)
        var signed = envelope["signed"] ?? .null
        edit(&signed)
        envelope.set("signed", signed)
        envelope.set(
            "signatures",
            .array([
                .object([
                    JSONMember("keyid", .string(keyID)),
                    JSONMember("sig", .string(Hexadecimal.encode(sign(signed.canonicalBytes)))),
                ])
            ]))
        return envelope.wireBytes
    }

    private static let insecureTestP256 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8ThYVH823xfkOj4o
        RzJfyeaFv0Gu2xuwjZWCQmW0ZLehRANCAAQ775iKJcTwQ+qauiRryK2/s2cZZ4Nc
        BFBD5c9/RI3BdY6bDfomYF6E5JRsyqzpsYr8LgQOBscgp//9zJFgwlKU
        -----END PRIVATE KEY-----

        """
    private static let insecureTestP384 = """
        -----BEGIN PRIVATE KEY-----
        MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCXRl4L9bLYtWtcfHmF
        qk30+zmNMUZVBhXsw/gIidUgxMNNzCqT4RLB1g+6976gUgihZANiAAQEq0fc42G/
        6SJ16lnXjyUpuP6be8iXrLFmxKqQVS4GLTwbiElv0TTpwWxnbPFX1cfJAfdvz96T
        wnxnBN6RL6Y6gxAfeXWblAEd8XOH8td6fDzyN1hq0PrvcygKs1xXV6E=
        -----END PRIVATE KEY-----

        """
    private static let insecureTestRSA2048 = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDX0B4R6Vi4iCxk
        s6Q2MaPXX8/NhjL3elveAK4uatIqPBcksQ6OuAfNophUyJJyD6eV99kYBqeL8SjF
        xOiDST8Lfu1cmMVPk4LE5eG6b53frcgeIzPGNDEwZwc31x2+75kQK3mNg8PFZuSW
        GFDYcKf7qSm1yR29rkmA+lXfP4UErH0BoCo9xIZ+eOdP62bq0apMQMq/amAk70/O
        InMlWFvuTlReeHqzkesx+peqF+15lGVYHiM9L6DH3Zbi0vZTeR5Be1jcrTl8mXO9
        pMSDUCpVMfSf6baaajYBiUxYYh94/5iD0YyS686HHLH9jraT9eWOjOYqx8rYa3IY
        Ifm/G3blAgMBAAECggEABVfrJq5huqVEfsnOiw5M7DbnF5j3B2xJfK8E9l6WuDen
        VbU8kwljcr1P4D7cbA6PK7C9+KZRh67U6kX8gSOod/Rl6XZZjFAusLQFvsP8uLO+
        J2DfwKHnheHx1SQdDG6KRP2Ok5PA89D0X/MCLW8R+bKFNzG07CQLQIec5gYrQ6Om
        CXNPq0VsygP66a+2iL8ofmhkd1J5EcXauNtfv9u5p2HQhF8XNCFgZl4+9LJjIRGs
        1WcmcT/ebEzIz82IT2D3nhFnrjWmXmzNMB24ovnVNOeBHjVpVkUU6Oaa2CuPNotx
        IUd3Ie9N8IWZdpXRLtNHRL4c8/O7ikK+zERNnSZQkQKBgQD0OuVv4fZ4VRA6KZlU
        XpSVieeU+K+ZUzuMjm1+CVzqQ1DtFFdO2Y72H5CAaBw7MLx2WBRRo8xim27Qn/YL
        NNT/VYFPS1hEmMip1I9A54N9tpX6P3onvPx0BkHME6BmVAK71BaYoUGFeOdV5CXH
        nKcegfRrwxIcoIBBGmyGoA6AowKBgQDiNqKSMcWhtSwokxRndUDh0STMpQe0RO9s
        yV4yO546sjnKcRtZM1H3bRR6gD8JdOQLVTvoQRhoo2hJ2YbduUJ3AG4WP+zzZ9aH
        gSGYiLA/b2DCkrtbYPBOZSnhpSPYXZMbDDEbRQBW91pHdJs+lq7J/aclTpHKTTl8
        dBG1XR261wKBgQDYz0wM9Zi6nDEKoRE337qhwcmu6tHgGA5+KZYz1BYC9P1raapU
        Gjiab8z04Pdm6E319R0cmH+BbiCC3e4rZpxLi1l+zhEu3D8O3N7LLHsDZ8peXGmR
        y2iFi2RvyWCUVrISkiX5GvYyifE7w4xyVrPZFl6oJ4T1mtogcVe0b3RQZwKBgDk0
        ccYgmga7pxAXqZhEGYVBe1nY/erDZ/yNq6luVCQpv92G3tCe3sKALiaQWeCNU8Hd
        6wlftMl5UT0jqixV1g376NrtjYE8KA8aQ6GsJ03TX5e0vXZtPDfG82FhfoAPocy8
        N4ra1ywm3wik30Fjn43q/CK+DLYo8zmarIO9qW//AoGBAKqHApL5MnUCy/xKGkVL
        XMJrmPAoeW8OsjFl+wSfnHBsvtBMkq+JKbGhWQYLdxR4ziH6CZ+fSe/w0yESAVVe
        RxakGmhs4qJqlYdJfvx/LWqKy83yqpzoZOaZze88sH4L2fXxwQt2fAl9+QjJboEu
        beEuvqEErPpnjSy9XMnVbRnF
        -----END PRIVATE KEY-----

        """
    private static let insecureTestRSA1024 = """
        -----BEGIN PRIVATE KEY-----
        MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAOF6OLGTwwe8d43u
        4YrpMRi4nviPE5X8+aXxMrzizSaWf5ooSD4eNH9y7LOY9P8QkTrwuAtSR9O2wcn8
        M2VY6hGRNbOvHQpzgw/O1nqddJ/dg/3Cobr/jzxYUyk1tVb705NRh8QxKVpe66Ag
        oHLWZwa6z2eLLZuxjBf7sdFBtm0/AgMBAAECgYEAtI/tyrbrncxdaTn9QAKSIJvo
        ImBhbOFTAoJvATgW1Wn78XWEtMn3fICJ8SDyQTgBNVQD7n0LrA1Uju36MpTLi5kJ
        4mRvZeETqij9HwVD6Ocx2kohj4zq/YlGRzNuF2eRMRlsaTiPLpl3GqZXNz8bj5za
        cNGgLc75QmKBRcGYZEECQQDzoABboxypVMuR9LBlJUEmqnNMf8faU5LJe/XL+nDq
        JOetyhfpXqWEDhmoB5gJ7cGoX500jis8XY4cz7npogVxAkEA7O48ie8LeWBTsA1F
        adNYOKfggc0bFUKircvkQagxYotrdqSAA5PsIzIbWx2uT6AxD530wYVsbEoDiRLP
        XLGFrwJBAJwVsqUDR+WlEhec8TacO7WOFvi4FU7npG+6H6xj89vPcS+C/vbhUKHe
        dsmUs/AIh75cI9f8De9K8TW8UJxC1cECQGY1oAghB2IlG/UmxHsSoUxPn5pfUP+q
        72LqQl3QoP1SB9n2vQLOHWBRjVuRQlE3WfLSwXN6i3trsnq/kpT6QCECQHV050It
        3U6m1jsU3OjPpe1f9/mT4Sru22FBZ14NZxby2LfhPxTJ9f7AMh3CyUE5YP47bVNG
        vpnFYqxEbqhp3CU=
        -----END PRIVATE KEY-----

        """
}
