import AgentProtocol
import Effects
import ReleaseDefinition

/// The authority that is in force, and the one that takes over while it does (both are trusted then).
///
/// `serving` signs the server's certificate: hosts that have not heard of the new one must still believe it. New host
/// certificates come from `issuing`.
struct Authorities: Sendable {
    var serving: CertificateAuthority
    var next: CertificateAuthority?

    var issuing: CertificateAuthority { next ?? serving }
    /// PEM; first the one that join strings pin.
    var bundle: String { get throws { try serving.pem + (next?.pem ?? "") } }

    /// - Returns: the PEM chain, leaf first, and what the record keeps.
    func issueHost(
        _ key: HostKey, host: HostID, serial: [UInt8], at now: UTCInstant
    ) throws -> (chain: String, certificate: HostCertificate) {
        let leaf = try issuing.issueHost(key, host: host, serial: serial, at: now)
        let facts = try CertificateFacts(pem: leaf)
        let certificate = HostCertificate(
            fingerprint: facts.fingerprint, notAfter: facts.notAfter, key: key.digest, authority: try issuing.digest)
        return (leaf + (try issuing.pem), certificate)
    }

    // MARK: on disk

    /// The log says which authority is in force; where its files were being moved into place, that is completed.
    static func open(
        _ folder: ControllerDirectory, serving: SHA256Digest, next: SHA256Digest?
    ) throws -> Authorities {
        if let waiting = try pair(folder, Self.nextNames) {
            let digest = try waiting.digest
            if digest == serving { try adopt(folder) }
            if digest == next, let current = try pair(folder, Self.names) {
                return Authorities(serving: current, next: waiting)
            }
            // One that was made, and the decision never reached the log.
            if digest != serving { try discardNext(folder) }
        }
        guard next == nil, let current = try pair(folder, Self.names), try current.digest == serving else {
            throw ControllerError.setup(
                "authority", "The authority \((next ?? serving).short)… of the log is not in ca/.",
                remedy: "Restore ca/ from the backup that events.sqlite is of.")
        }
        return Authorities(serving: current, next: nil)
    }

    /// Makes the one that is to take over. It counts when the log says so.
    static func makeNext(
        _ folder: ControllerDirectory, random: any RandomDoor, at now: UTCInstant
    ) throws -> CertificateAuthority {
        let key = try KeyGeneration.ecdsaP256PrivateKeyPEM()
        let made = try CertificateAuthority.make(keyPEM: key, serial: random.bytes(20), at: now)
        try folder.writeSecret(Self.nextNames.key, key)
        try folder.directory.writeDurably(Self.nextNames.certificate, Array(try made.pem.utf8), mode: 0o644)
        return made
    }

    /// After the log says that the next one is in force. The copies go last, so that this can be done again.
    static func adopt(_ folder: ControllerDirectory) throws {
        try folder.writeSecret(Self.names.key, folder.text(Self.nextNames.key))
        try folder.directory.writeDurably(
            Self.names.certificate, Array(try folder.text(Self.nextNames.certificate).utf8), mode: 0o644)
        try discardNext(folder)
    }

    private static func discardNext(_ folder: ControllerDirectory) throws {
        try folder.directory.removeFile(Self.nextNames.certificate)
        try folder.directory.removeFile(Self.nextNames.key)
    }

    private static let names = (
        certificate: ControllerDirectory.authorityCertificateName, key: ControllerDirectory.authorityKeyName
    )
    private static let nextNames = (certificate: "ca/next.pem", key: "ca/next.key.pem")

    private static func pair(
        _ folder: ControllerDirectory, _ names: (certificate: String, key: String)
    ) throws -> CertificateAuthority? {
        guard try folder.directory.status(names.certificate) != nil, try folder.directory.status(names.key) != nil
        else { return nil }
        return try CertificateAuthority(certificatePEM: folder.text(names.certificate), keyPEM: folder.text(names.key))
    }
}
