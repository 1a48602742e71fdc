import FoundationEssentials
import ReleaseDefinition

/// `POST /v1/agent/certificate`, over the certificate that is to be replaced: only the public key is taken from it.
public struct CertificateRequest: Sendable, Equatable, Codable {
    /// PEM, of a new key.
    public var certificateSigningRequest: String

    public init(certificateSigningRequest: String) {
        self.certificateSigningRequest = certificateSigningRequest
    }
}

/// The answer to both kinds of renewal.
public struct CertificateResponse: Sendable, Equatable, Codable {
    /// PEM chain of the host's certificate, leaf first.
    public var certificate: String
    /// PEM bundle of certificate authorities to trust from now on: two of them while one replaces the other.
    public var authorities: String

    public init(certificate: String, authorities: String) {
        self.certificate = certificate
        self.authorities = authorities
    }
}

/// `POST /v1/agent/renewal-nonces`: good for one renewal, for a short time.
public struct RenewalNonce: Sendable, Equatable, Codable {
    public var nonce: String
    public var expiresAt: UTCInstant

    public init(nonce: String, expiresAt: UTCInstant) {
        self.nonce = nonce
        self.expiresAt = expiresAt
    }
}

/// What a host whose certificate has run out signs with the old key: this request for a new key, in answer to this nonce.
public struct RenewalStatement: Sendable, Equatable, Codable {
    public static let payloadType = "application/vnd.slipway.renewal+json"

    public var nonce: String
    public var host: HostID
    /// Of the DER bytes of the certificate that has run out.
    public var certificate: SHA256Digest
    /// Of the text of the request: a proof fits one new key.
    public var signingRequest: SHA256Digest

    public init(nonce: String, host: HostID, certificate: SHA256Digest, signingRequest: SHA256Digest) {
        self.nonce = nonce
        self.host = host
        self.certificate = certificate
        self.signingRequest = signingRequest
    }

    /// What is signed: DSSE's pre-authentication encoding (dsse/protocol.md) of the canonical JSON.
    public func signedBytes() throws -> [UInt8] {
        let payload = try JSONCoding.canonicalBytes(of: self)
        let type = Array(Self.payloadType.utf8)
        return Array("DSSEv1 \(type.count) ".utf8) + type + Array(" \(payload.count) ".utf8) + payload
    }
}

/// `POST /v1/agent/renew`, without a client certificate.
public struct RenewalProof: Sendable, Equatable, Codable {
    public var statement: RenewalStatement
    /// PEM of the certificate that has run out: the host's only, without the authority's.
    public var certificate: String
    /// PEM, of a new key.
    public var certificateSigningRequest: String
    /// Base64 of the ECDSA signature (DER) over `statement.signedBytes()`.
    public var signature: String

    public init(
        statement: RenewalStatement, certificate: String, certificateSigningRequest: String, signature: [UInt8]
    ) {
        self.statement = statement
        self.certificate = certificate
        self.certificateSigningRequest = certificateSigningRequest
        self.signature = Data(signature).base64EncodedString()
    }

    public var signatureBytes: [UInt8]? { Data(base64Encoded: signature).map(Array.init) }
}
