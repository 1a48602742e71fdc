import AgentProtocol
import Effects
import ReleaseDefinition
import ReleaseTrust

/// A statement under this host's own key: DSSE, ECDSA P-256 with SHA-256, and beside it the certificate that the
/// controller knows the host by.
enum HostSignature {
    /// nil on a host that never spoke to a controller: it has no key.
    static func sign(_ payload: [UInt8], type: String, with tls: Directory) throws -> HostReceiptFile? {
        guard let identity = try StoredIdentity.read(in: tls) else { return nil }
        var envelope = DSSEEnvelope(payloadType: type, payload: payload, signatures: [])
        let signature = try EllipticKey(pem: identity.keyPEM).sign(Array(envelope.preAuthenticationEncoding))
        envelope.signatures = [DSSEEnvelope.Signature(keyID: "", bytes: signature)]
        return HostReceiptFile(envelope: envelope.json, certificate: try identity.facts().leafPEM)
    }
}
