import AgentProtocol
import ReleaseDefinition
import X509

/// New certificates for hosts that are hosts already.
extension Controller {
    /// How long after its end a certificate is good enough to be renewed by a proof of its key.
    static let renewalGrace = TimeSpan.days(90)

    /// Over the host's own connection.
    func renew(_ request: CertificateRequest, of host: HostID) throws -> CertificateResponse {
        guard let record = state.hosts[host] else { throw ControllerError.notFound("host \(host)") }
        return try renew(record, HostKey(signingRequestPEM: request.certificateSigningRequest), byProof: false)
    }

    func renewalNonce() -> RenewalNonce { renewalNonces.make(random: random, at: time.now()) }

    /// Of a host whose certificate has run out, or will not be taken by TLS for another reason: it shows that it has the
    /// key. Everything about a wrong proof is one error: nobody learns which hosts there are.
    /// - Throws: `controller.access.renewalProof`, `.renewalNonce`, `.renewalOver`, and what `admit` throws of a host
    ///   that may not speak.
    func renew(_ proof: RenewalProof) throws -> CertificateResponse {
        let now = time.now()
        let refused = ControllerError.unauthorized(
            "renewalProof", "The proof does not show that its sender has the key of this host's certificate.",
            remedy: "Join the host again: slipway hosts invite, then slipway-agent join --again.")
        guard proof.certificate.utf8.count <= HostKey.requestSizeMax,
            let old = try? Certificate(pemEncoded: proof.certificate),
            let facts = try? CertificateFacts(pem: proof.certificate),
            facts.fingerprint == proof.statement.certificate,
            let host = state.host(certificate: facts.fingerprint), host.id == proof.statement.host,
            proof.statement.signingRequest == SHA256Digest(of: Array(proof.certificateSigningRequest.utf8)),
            let signature = proof.signatureBytes,
            old.publicKey.isValidSignature(
                signature, for: try proof.statement.signedBytes(), signatureAlgorithm: .ecdsaWithSHA256)
        else { throw refused }
        // Only now is the nonce used up: nobody else can spend it.
        guard renewalNonces.use(proof.statement.nonce, at: now) else {
            throw ControllerError.unauthorized(
                "renewalNonce", "The proof answers a nonce that was used, is too old, or was never given.",
                remedy: "The agent asks for another by itself; nothing is to be done.")
        }
        if let refusal = ControllerError.refusal(of: host.id, host.identity.standing) { throw refusal }
        guard host.identity.certificate(facts.fingerprint) != nil else { throw refused }
        guard now < facts.notAfter + Self.renewalGrace else {
            throw ControllerError.forbidden(
                "renewalOver",
                "The certificate of \(host.id) expired at \(facts.notAfter); it could be renewed until "
                    + "\(facts.notAfter + Self.renewalGrace).",
                remedy:
                    "Join the host again: slipway hosts retire \(host.id) --reason …, slipway hosts invite, then on "
                    + "the host slipway-agent join --again.")
        }
        return try renew(host, HostKey(signingRequestPEM: proof.certificateSigningRequest), byProof: true)
    }

    private func renew(_ host: HostRecord, _ key: HostKey, byProof: Bool) throws -> CertificateResponse {
        // The key that it has is refused too: what may have been seen by somebody is not to be carried on for ever.
        if let other = state.host(key: key.digest) {
            throw ControllerError.conflict(
                "hostKey", "The key of this request belongs to the host \(other.id) already.",
                remedy: "Make a new key for each certificate.")
        }
        let now = time.now()
        let (chain, certificate) = try authorities.issueHost(key, host: host.id, serial: random.bytes(20), at: now)
        try commit(
            .certificateRenewed(CertificateRenewed(host: host.id, certificate: certificate, byProof: byProof)),
            by: "host:\(host.id)", at: now)
        return CertificateResponse(certificate: chain, authorities: try authorities.bundle)
    }
}
