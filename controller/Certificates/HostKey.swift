import ReleaseDefinition
import X509

/// The public key of a certificate signing request, after the request proved that its sender holds the private one.
/// Nothing else of the request is kept: names, lifetimes and extensions asked for are not even looked at.
struct HostKey: Sendable {
    static let requestSizeMax = 16 << 10

    let publicKey: Certificate.PublicKey
    /// Of the public key in its one form (SEC 1, uncompressed): the key's name for ever.
    let digest: SHA256Digest

    /// - Throws: `controller.request.signingRequest`.
    init(signingRequestPEM text: String) throws {
        func refuse(_ what: String, cause: String? = nil) -> ControllerError {
            .badRequest(
                "signingRequest", "The certificate signing request is refused: \(what).",
                remedy: "Join again with slipway-agent join, which makes a proper one.", cause: cause)
        }
        guard text.utf8.count <= Self.requestSizeMax else { throw refuse("it is longer than 16 KiB") }
        let request: CertificateSigningRequest
        do {
            request = try CertificateSigningRequest(pemEncoded: text)
        } catch {
            throw refuse("it cannot be read", cause: "\(error)")
        }
        // P-256 only, so that every TLS library a host may have can use it.
        let bytes = Array(request.publicKey.subjectPublicKeyInfoBytes)
        guard request.signatureAlgorithm == .ecdsaWithSHA256, request.publicKey.isP256 else {
            throw refuse("its key is not ECDSA P-256 with SHA-256")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw refuse("its signature is not of the key it names")
        }
        publicKey = request.publicKey
        digest = SHA256Digest(of: bytes)
    }
}

extension Certificate.PublicKey {
    /// RFC 5480 2.1.1: `secp256r1` is named in the algorithm identifier.
    fileprivate var isP256: Bool { description.hasPrefix("P256") }
}
