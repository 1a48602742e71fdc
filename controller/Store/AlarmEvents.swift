import ReleaseDefinition
import ReleaseTrust

/// The emergency way was taken: an alarm, and a review that is owed until somebody has recorded it.
public struct EmergencyReleased: Sendable, Equatable, Codable {
    public var rollout: RolloutID
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var reason: String
    /// The change record, where one exists.
    public var change: String?
}

/// Somebody has looked at an emergency afterwards.
public struct EmergencyReviewed: Sendable, Equatable, Codable {
    public var rollout: RolloutID
    public var conclusion: String
}

/// Signed metadata comes near its end: once for each level.
public struct MetadataExpiring: Sendable, Equatable, Codable {
    public var role: String
    public var expiresAt: UTCInstant
    public var level: ExpiryLevel
}

/// Certificates of hosts come near their ends, though hosts renew theirs when half of their time is over: these did not.
/// Once for each certificate and level.
public struct CertificatesExpiring: Sendable, Equatable, Codable {
    public struct Host: Sendable, Equatable, Codable {
        public var host: HostID
        public var expiresAt: UTCInstant
    }

    public var level: ExpiryLevel
    public var hosts: [Host]
}

struct EmergencyRecord: Sendable {
    let released: EmergencyReleased
    let at: UTCInstant
    let by: String
    private(set) var review: (at: UTCInstant, by: String, conclusion: String)?

    init(_ released: EmergencyReleased, at: UTCInstant, by: String) {
        (self.released, self.at, self.by) = (released, at, by)
    }

    mutating func note(_ event: EmergencyReviewed, at now: UTCInstant, by actor: String) {
        if review == nil { review = (now, actor, event.conclusion) }
    }
}
