import ReleaseDefinition

/// What a host says about an installation by hand, carried back on paper or a stick: the payload of a DSSE envelope that is
/// signed with the host's own key. It holds the very reports that the host would have sent.
public struct HostReceipt: Sendable, Equatable, Codable {
    public static let payloadType = "application/vnd.slipway.receipt+json"

    public var host: HostID
    public var madeAt: UTCInstant
    public var release: ReleaseName
    public var outcome: HostOutcome
    public var reports: [HostReport]

    public init(
        host: HostID, madeAt: UTCInstant, release: ReleaseName, outcome: HostOutcome, reports: [HostReport]
    ) {
        self.host = host
        self.madeAt = madeAt
        self.release = release
        self.outcome = outcome
        self.reports = reports
    }
}

/// The file: `POST /v1/hosts/receipts`. What a host saw when it rehearsed travels in the same form.
public struct HostReceiptFile: Sendable, Equatable, Codable {
    /// DSSE, ECDSA P-256 with SHA-256 over its pre-authentication encoding.
    public var envelope: JSONValue
    /// PEM: of the host, whose key signed. The controller knows it by its digest.
    public var certificate: String

    public init(envelope: JSONValue, certificate: String) {
        self.envelope = envelope
        self.certificate = certificate
    }
}
