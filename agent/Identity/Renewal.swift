import AgentProtocol
import Effects
import ReleaseDefinition

/// One attempt to get a new certificate for a new key.
struct Renewal: Sendable {
    var controller: String
    var host: HostID
    /// With the identity that is to be replaced.
    var http: any HTTPDoor
    var userAgent: String
    var proxy: HTTPProxy?

    private static let responseSizeMax = ByteCount(2 << 20)

    /// Over the host's own connection while its certificate is good; else, and where TLS does not take it (this host's
    /// clock may be late), by a proof of its key.
    /// - Throws: `agent.renewal.refused` with the controller's code as cause, `agent.renewal.answer`, `effects.…`.
    func run(_ identity: StoredIdentity, at now: UTCInstant) async throws -> StoredIdentity {
        let facts = try identity.facts()
        if now < facts.notAfter {
            do { return try await overOwnConnection(identity) } catch let error where Self.asksForProof(error) {}
        }
        return try await byProof(identity, facts)
    }

    private static func asksForProof(_ error: any Error) -> Bool {
        switch error {
        case let error as EffectsError: error.code.hasPrefix("effects.http.tls.") || error.code == "effects.http.closed"
        case let error as AgentError: error.cause == "controller.access.certificateExpired"
        default: false
        }
    }

    private func overOwnConnection(_ identity: StoredIdentity) async throws -> StoredIdentity {
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let request = CertificateRequest(certificateSigningRequest: try SigningRequest.pem(key))
        let answer = try await post("/v1/agent/certificate", request, over: http, as: CertificateResponse.self)
        return try checked(answer, key: key)
    }

    private func byProof(_ old: StoredIdentity, _ facts: StoredIdentity.Facts) async throws -> StoredIdentity {
        let plain = try LiveHTTP(identity: old.anonymous, userAgent: userAgent, proxy: proxy)
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let request = try SigningRequest.pem(key)
        let result: Result<CertificateResponse, any Error>
        do {
            let nonce = try await post(
                "/v1/agent/renewal-nonces", [String: String](), over: plain, as: RenewalNonce.self)
            let proof = try Self.proof(of: old, facts, host: host, nonce: nonce, request: request)
            result = .success(try await post("/v1/agent/renew", proof, over: plain, as: CertificateResponse.self))
        } catch { result = .failure(error) }
        await plain.shutdown()
        return try checked(result.get(), key: key)
    }

    /// That this host has the key of the certificate that has run out.
    static func proof(
        of old: StoredIdentity, _ facts: StoredIdentity.Facts, host: HostID, nonce: RenewalNonce, request: String
    ) throws -> RenewalProof {
        let statement = RenewalStatement(
            nonce: nonce.nonce, host: host, certificate: facts.fingerprint,
            signingRequest: SHA256Digest(of: Array(request.utf8)))
        let signature = try EllipticKey(pem: old.keyPEM).sign(Array(statement.signedBytes()))
        return RenewalProof(
            statement: statement, certificate: facts.leafPEM, certificateSigningRequest: request,
            signature: signature)
    }

    private func post<Answer: Decodable>(
        _ path: String, _ body: some Encodable, over http: any HTTPDoor, as type: Answer.Type
    ) async throws -> Answer {
        let response = try await http.send(
            HTTPRequest(
                "POST", controller + path, headers: [HTTPField("Content-Type", "application/json")],
                body: try JSONCoding.value(of: body).wireBytes, responseSizeMax: Self.responseSizeMax))
        guard response.status == 200 else { throw Refusal.error(response, code: "renewal.refused") }
        return try JSONCoding.decode(type, from: response.body)
    }

    /// What came must be ours before the old identity is given up.
    func checked(_ answer: CertificateResponse, key: String) throws -> StoredIdentity {
        func problem(_ what: String) -> AgentError {
            AgentError(
                code: "renewal.answer", summary: "The controller answered a renewal with \(what).",
                remedy: "The present certificate stays in use, and it is tried again; see the controller's log.")
        }
        guard let bytes = PEM.first(of: "CERTIFICATE", in: answer.certificate),
            let leaf = try? CertificateFacts(der: bytes)
        else { throw problem("no certificate") }
        guard leaf.publicKey == (try EllipticKey(pem: key).publicKey()) else {
            throw problem("a certificate of another key")
        }
        guard leaf.isNamedOnly(uri: "slipway://host/\(host)") else {
            throw problem("a certificate of another host")
        }
        guard let authority = PEM.first(of: "CERTIFICATE", in: answer.authorities),
            (try? CertificateFacts(der: authority)) != nil
        else { throw problem("no authority") }
        return StoredIdentity(keyPEM: key, chain: answer.certificate, authorities: answer.authorities)
    }
}

/// What the controller's refusals say.
enum Refusal {
    /// `cause` is the controller's code: what programs compare.
    static func error(_ response: HTTPResponse, code: String) -> AgentError {
        let problem = try? JSONValue(parsing: response.body)
        return AgentError(
            code: code,
            summary: problem?["detail"]?.stringValue ?? "The controller answered \(response.status).",
            remedy: problem?["remedy"]?.stringValue ?? "It is tried again; see the controller's log.",
            cause: problem?["code"]?.stringValue)
    }

    /// Of an answer that is about who this host is, and not about what it asked.
    static func notice(_ response: HTTPResponse) -> IdentityNotice? {
        guard [401, 403].contains(response.status) else { return nil }
        return notice(error(response, code: "refused"))
    }

    static func notice(_ error: AgentError) -> IdentityNotice? {
        guard let code = error.cause, code.hasPrefix("controller.access.") else { return nil }
        return IdentityNotice(code: code, summary: error.summary, remedy: error.remedy)
    }
}

/// Only the public key counts; every name in the certificate comes from the controller.
enum SigningRequest {
    static func pem(_ key: String) throws -> String {
        PEM.text(of: "CERTIFICATE REQUEST", try EllipticKey(pem: key).signingRequest(commonName: "slipway host"))
    }
}
