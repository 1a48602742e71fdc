import AgentProtocol
import Effects
import FoundationEssentials
import ReleaseDefinition

/// Who this host is on the wire, as it lies in `tls/`: `identity.pem` holds the private key and the certificate chain, so
/// that they change together; `authorities.pem` whom it believes.
struct StoredIdentity: Sendable {
    static let identityName = "identity.pem"
    static let authoritiesName = "authorities.pem"
    static let noticeName = "notice.json"
    private static let sizeMax = ByteCount(1 << 20)

    var keyPEM: String
    /// PEM, leaf first.
    var chain: String
    /// PEM bundle.
    var authorities: String

    var tls: TLSIdentity { TLSIdentity(trustRoots: authorities, certificateChain: chain, privateKey: keyPEM) }
    /// Without a certificate: where TLS does not take ours.
    var anonymous: TLSIdentity { TLSIdentity(trustRoots: authorities) }

    /// nil on a host that never enrolled.
    /// - Throws: `agent.identity`.
    static func read(in tls: Directory) throws -> StoredIdentity? {
        guard let authorities = try tls.readIfPresent(authoritiesName, sizeMax: sizeMax) else { return nil }
        guard let bytes = try tls.readIfPresent(identityName, sizeMax: sizeMax),
            let text = String(validating: bytes, as: UTF8.self),
            let key = PEM.first(of: "PRIVATE KEY", in: text),
            let start = text.firstRange(of: "-----BEGIN CERTIFICATE-----")
        else {
            throw AgentError(
                code: "identity", summary: "\(tls.path)/\(identityName) holds no private key with its certificate.",
                remedy: "Restore it from a backup of this machine, or join again: slipway-agent join STRING --again.")
        }
        return StoredIdentity(
            keyPEM: PEM.text(of: "PRIVATE KEY", key), chain: String(text[start.lowerBound...]),
            authorities: String(decoding: authorities, as: UTF8.self))
    }

    /// Whom to believe goes first: while an authority replaces another, the new bundle fits the old certificate as well.
    /// The identity is one file, replaced in one step; before that step the host is what it was.
    func write(in tls: Directory) throws {
        try tls.writeDurably(Self.authoritiesName, Array(authorities.utf8), mode: 0o600, asFolder: true)
        try tls.writeDurably(Self.identityName, Array((keyPEM + chain).utf8), mode: 0o600, asFolder: true)
        try Self.forgetNotice(in: tls)
    }

    func facts() throws -> Facts { try Facts(chain: chain) }

    /// What the host's own certificate says.
    struct Facts: Sendable, Equatable {
        var leafPEM: String
        var fingerprint: SHA256Digest
        var notBefore: UTCInstant
        var notAfter: UTCInstant

        init(leafPEM: String, fingerprint: SHA256Digest, notBefore: UTCInstant, notAfter: UTCInstant) {
            self.leafPEM = leafPEM
            self.fingerprint = fingerprint
            self.notBefore = notBefore
            self.notAfter = notAfter
        }

        /// Of the first certificate of a chain.
        /// - Throws: `agent.identity`.
        init(chain: String) throws {
            guard let bytes = PEM.first(of: "CERTIFICATE", in: chain) else { throw Self.unreadable(nil) }
            leafPEM = PEM.text(of: "CERTIFICATE", bytes)
            fingerprint = SHA256Digest(of: bytes)
            let certificate: CertificateFacts
            do { certificate = try CertificateFacts(der: bytes) } catch { throw Self.unreadable(error.cause) }
            notBefore = certificate.notBefore
            notAfter = certificate.notAfter
        }

        private static func unreadable(_ cause: String?) -> AgentError {
            AgentError(
                code: "identity", summary: "The certificate of this host cannot be read.",
                remedy: "Join again: slipway-agent join STRING --again.", cause: cause)
        }

        /// From half of its life on, up to a tenth of it later: by its own digest, so that a fleet that joined together
        /// does not renew together, and a restart changes nothing.
        var renewAt: UTCInstant {
            let lifetime = notAfter.since(notBefore).milliseconds
            let chance = fingerprint.bytes.prefix(6).reduce(Int64(0)) { $0 << 8 | Int64($1) }
            return notBefore + TimeSpan(milliseconds: lifetime / 2 + chance % max(1, lifetime / 10))
        }
    }

    // MARK: what the controller said of it

    struct Notice: Sendable, Codable, Equatable {
        var at: UTCInstant
        var notice: IdentityNotice
    }

    static func notice(in tls: Directory) -> Notice? {
        guard let bytes = try? tls.readIfPresent(noticeName, sizeMax: sizeMax) else { return nil }
        return try? JSONCoding.decode(Notice.self, from: bytes)
    }

    static func keep(_ notice: IdentityNotice, at now: UTCInstant, in tls: Directory) throws {
        if Self.notice(in: tls)?.notice == notice { return }
        let bytes = try JSONCoding.value(of: Notice(at: now, notice: notice)).prettyBytes
        try tls.writeDurably(noticeName, bytes, mode: 0o600, asFolder: true)
    }

    static func forgetNotice(in tls: Directory) throws {
        guard try tls.status(noticeName) != nil else { return }
        try tls.removeFile(noticeName)
    }
}
