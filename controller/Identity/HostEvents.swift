import AgentProtocol
import ReleaseDefinition

/// A certificate of a host, as the record knows it.
public struct HostCertificate: Sendable, Equatable, Codable {
    public var fingerprint: SHA256Digest
    public var notAfter: UTCInstant
    /// Of its public key.
    public var key: SHA256Digest
    /// Of the authority that issued it.
    public var authority: SHA256Digest
}

/// A host was given a new certificate. The one before stays good until the new one was used once: whoever is killed in
/// between goes on with what it has.
public struct CertificateRenewed: Sendable, Equatable, Codable {
    public var host: HostID
    public var certificate: HostCertificate
    /// With the old one run out: shown by a proof of its key.
    public var byProof: Bool
}

/// The host came with its new certificate: every other one of it is void from now on.
public struct CertificateTaken: Sendable, Equatable, Codable {
    public var host: HostID
    public var fingerprint: SHA256Digest
}

/// A person took a host's identity away, or gave it back.
public struct HostStandingChanged: Sendable, Equatable, Codable {
    public var host: HostID
    public var reason: String
}

/// Two agents live with one certificate: neither is believed until a person has looked.
public struct HostQuarantined: Sendable, Equatable, Codable {
    public var host: HostID
    public var sessions: [AgentSession]
}

/// No more hosts may join with it.
public struct InvitationRevoked: Sendable, Equatable, Codable {
    public var invitation: String
    public var reason: String
}

/// The authority that will take over: certificates are issued by it, both are trusted.
public struct AuthorityOffered: Sendable, Equatable, Codable {
    public var authority: SHA256Digest
}

/// The new authority is the only one from now on.
public struct AuthorityAdopted: Sendable, Equatable, Codable {
    public var authority: SHA256Digest
    /// Hosts left behind that must join again; empty unless somebody insisted.
    public var left: [HostID]
}
