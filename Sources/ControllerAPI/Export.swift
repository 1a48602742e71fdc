import ReleaseDefinition

/// `POST /v1/releases/{product}/{version}/export`: the package with the proof that lets a host install it by hand.
/// Exactly one of host and channel.
public struct ExportRequest: Sendable, Equatable, Codable {
    public var host: HostID?
    public var channel: ChannelName?
    /// Stands in for the expiry of the role and the freshness of snapshot and timestamp.
    public var valid: TimeSpan

    public init(host: HostID?, channel: ChannelName?, valid: TimeSpan) {
        self.host = host
        self.channel = channel
        self.valid = valid
    }

    public static let validMax = TimeSpan.days(366)
    /// Answer header: until when the package can be installed, root and targets considered.
    public static let validUntilHeader = "Slipway-Valid-Until"
}

/// The answer to `POST /v1/hosts/receipts`.
public struct ReceiptView: Sendable, Equatable, Codable {
    public var host: HostID
    public var release: ReleaseName
    public var outcome: String
    /// New to the record; the others were known.
    public var reports: Int

    public init(host: HostID, release: ReleaseName, outcome: String, reports: Int) {
        self.host = host
        self.release = release
        self.outcome = outcome
        self.reports = reports
    }
}
