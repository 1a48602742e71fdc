import FoundationEssentials
import ReleaseDefinition
import X509

/// The private certificate authority of one controller: it makes TLS possible and authorises no code (trust.md 2).
///
/// ECDSA P-256. Serial numbers and keys come from outside; nothing here is random.
struct CertificateAuthority: Sendable {
    static let authorityLifetime = TimeSpan.days(3650)
    static let serverLifetime = TimeSpan.days(365)
    static let hostLifetime = TimeSpan.days(30)
    /// Certificates are valid from a little before they are made, for hosts whose clocks are late.
    static let clockTolerance = TimeSpan.minutes(5)

    let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// - Throws: `controller.setup.authority` where certificate and key cannot be read or do not belong together.
    init(certificatePEM: String, keyPEM: String) throws {
        do {
            certificate = try Certificate(pemEncoded: certificatePEM)
            key = try Certificate.PrivateKey(pemEncoded: keyPEM)
        } catch {
            throw ControllerError.setup(
                "authority", "The certificate authority in ca/ cannot be read.",
                remedy: "Restore ca/ from a backup.", cause: "\(error)")
        }
        guard certificate.publicKey == key.publicKey else {
            throw ControllerError.setup(
                "authority", "The key in ca/ is not the key of the certificate beside it.",
                remedy: "Restore both files of ca/ from the same backup.")
        }
    }

    /// Makes the authority's own certificate.
    static func make(keyPEM: String, serial: [UInt8], at now: UTCInstant) throws -> CertificateAuthority {
        let key = try Certificate.PrivateKey(pemEncoded: keyPEM)
        let name = try DistinguishedName {
            CommonName("Slipway authority \(Hexadecimal.encode(serial.prefix(4)))")
        }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(bytes: positive(serial)), publicKey: key.publicKey,
            notValidBefore: date(now - clockTolerance), notValidAfter: date(now + authorityLifetime), issuer: name,
            subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            },
            issuerPrivateKey: key)
        return try CertificateAuthority(certificatePEM: certificate.serializeAsPEM().pemString, keyPEM: keyPEM)
    }

    var pem: String { get throws { try certificate.serializeAsPEM().pemString + "\n" } }
    /// Of the DER bytes: what the join string pins.
    var digest: SHA256Digest { get throws { SHA256Digest(of: try certificate.serializeAsPEM().derBytes) } }

    /// - Parameter names: DNS names and IPv4 or IPv6 addresses that clients may connect to.
    func issueServer(keyPEM: String, names: [String], serial: [UInt8], at now: UTCInstant) throws -> String {
        let serverKey = try Certificate.PrivateKey(pemEncoded: keyPEM)
        let alternatives = names.map { name -> GeneralName in
            if let address = NetworkAddress.bytes(of: name) { return .ipAddress(.init(contentBytes: address[...])) }
            return .dnsName(name)
        }
        let subject = try DistinguishedName { CommonName("slipway-controller") }
        return try issue(
            serverKey.publicKey, subject: subject, alternatives: alternatives,
            usage: try ExtendedKeyUsage([.serverAuth]), serial: serial, lifetime: Self.serverLifetime, at: now)
    }

    /// A host's certificate: its name is in the URI, given by us; only the key is the host's.
    func issueHost(_ key: HostKey, host: HostID, serial: [UInt8], at now: UTCInstant) throws -> String {
        let subject = try DistinguishedName { CommonName(String(host.text.prefix(64))) }
        return try issue(
            key.publicKey, subject: subject,
            alternatives: [.uniformResourceIdentifier("slipway://host/\(host)")],
            usage: try ExtendedKeyUsage([.clientAuth]), serial: serial, lifetime: Self.hostLifetime, at: now)
    }

    /// Whether this authority signed the certificate, and the key belongs to it.
    func issued(_ pem: String, keyPEM: String) throws -> Bool {
        let issued = try Certificate(pemEncoded: pem)
        let key = try Certificate.PrivateKey(pemEncoded: keyPEM)
        return certificate.publicKey.isValidSignature(issued.signature, for: issued)
            && issued.publicKey == key.publicKey
    }

    private func issue(
        _ publicKey: Certificate.PublicKey, subject: DistinguishedName, alternatives: [GeneralName],
        usage: ExtendedKeyUsage, serial: [UInt8], lifetime: TimeSpan, at now: UTCInstant
    ) throws -> String {
        let issued = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(bytes: Self.positive(serial)), publicKey: publicKey,
            notValidBefore: Self.date(now - Self.clockTolerance), notValidAfter: Self.date(now + lifetime),
            issuer: certificate.subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                usage
                SubjectAlternativeNames(alternatives)
                AuthorityKeyIdentifier(
                    keyIdentifier: try certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
            },
            issuerPrivateKey: key)
        return try issued.serializeAsPEM().pemString + "\n"
    }

    /// RFC 5280 4.1.2.2: positive, not zero, at most 20 bytes.
    private static func positive(_ serial: [UInt8]) -> [UInt8] {
        var bytes = Array(serial.prefix(20))
        if bytes.isEmpty { bytes = [1] }
        bytes[0] = bytes[0] & 0x3F | 0x40
        return bytes
    }

    private static func date(_ instant: UTCInstant) -> Date {
        Date(timeIntervalSince1970: Double(instant.wholeSeconds.millisecondsSince1970) / 1000)
    }
}

/// A certificate as the record knows it.
struct CertificateFacts: Sendable, Equatable {
    var fingerprint: SHA256Digest
    var notAfter: UTCInstant

    init(pem: String) throws {
        let certificate = try Certificate(pemEncoded: pem)
        fingerprint = SHA256Digest(of: try certificate.serializeAsPEM().derBytes)
        let seconds = certificate.notValidAfter.timeIntervalSince1970
        notAfter = UTCInstant(secondsSince1970: Int64(seconds))
    }
}
