import ReleaseDefinition

/// The one string that `slipway hosts invite` prints: where the controller is, the token, and the digests that pin the
/// certificate authority and the first root. `slipway1.<base64url of canonical JSON>`.
public struct JoinString: Sendable, Equatable, Codable {
    /// `https://host:port`.
    public var controller: String
    /// 256 bits, hexadecimal; the controller stores only its SHA-256.
    public var token: String
    /// SHA-256 of the certificate authority's DER certificate.
    public var authority: SHA256Digest
    /// SHA-256 of the bytes of `1.root.json`.
    public var root: SHA256Digest

    public init(controller: String, token: String, authority: SHA256Digest, root: SHA256Digest) {
        self.controller = controller
        self.token = token
        self.authority = authority
        self.root = root
    }
}

/// `POST /v1/agent/join`. Only the public key is taken from the request; every name comes from the token's record.
public struct JoinRequest: Sendable, Equatable, Codable {
    public var token: String
    /// PEM.
    public var certificateSigningRequest: String
    public var machineID: String

    public init(token: String, certificateSigningRequest: String, machineID: String) {
        self.token = token
        self.certificateSigningRequest = certificateSigningRequest
        self.machineID = machineID
    }
}

public struct JoinResponse: Sendable, Equatable, Codable {
    public var host: HostID
    public var environment: EnvironmentName
    public var labels: [String: String]
    /// PEM chain of the host's certificate, leaf first.
    public var certificate: String
    /// PEM bundle of certificate authorities to trust.
    public var authorities: String
    /// The exact bytes of the first root, as text; its digest must be the join string's.
    public var root: String

    public init(
        host: HostID, environment: EnvironmentName, labels: [String: String], certificate: String,
        authorities: String, root: String
    ) {
        self.host = host
        self.environment = environment
        self.labels = labels
        self.certificate = certificate
        self.authorities = authorities
        self.root = root
    }
}
