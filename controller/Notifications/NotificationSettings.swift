import ReleaseDefinition

/// `notifications.json` in the controller's folder: whom to tell what. Secrets stand in files of their own beside it.
struct NotificationSettings: Sendable, Equatable, Codable {
    static let fileName = "notifications.json"
    /// Whom `https` sinks are believed by.
    static let authorityName = "notifications/authority.pem"

    var sinks: [NotificationSink]
    var deadMan: DeadManSignal?

    static let none = NotificationSettings(sinks: [], deadMan: nil)
}

/// Somewhere that messages go.
struct NotificationSink: Sendable, Equatable, Codable {
    enum Kind: String, Sendable, Codable, CaseIterable {
        /// CloudEvents 1.0, signed.
        case webhook
        case slack, teams, mattermost
        case mail
        case alertmanager, pagerduty, opsgenie
        /// An outside CMDB: each baseline with all its items, as a CloudEvent, signed.
        case cmdb

        /// These are woken, and only by what cannot wait.
        var isPager: Bool {
            switch self {
            case .alertmanager, .pagerduty, .opsgenie: true
            default: false
            }
        }
    }

    /// Unique; in lists and dead letters.
    var name: String
    var kind: Kind
    /// Of all but mail.
    var url: String?
    /// In the controller's folder: of a webhook the HMAC secret, of PagerDuty and Opsgenie the key.
    var secretFile: String?
    /// Of mail.
    var to: [String]?
    var from: String?
    /// Of mail: the host's sendmail interface.
    var sendmail: String?
    /// nil: all.
    var moments: [ReleaseMoment]?
    /// Groups of plans; nil: whatever the plan says.
    var audience: [String]?
    /// Of a pager: only products whose plan has this owner; nil: all.
    var owner: String?
    /// Of a pager: only if it is still so after this time.
    var escalateAfter: TimeSpan?
}

/// Somebody outside hears this regularly, and calls when it stops.
struct DeadManSignal: Sendable, Equatable, Codable {
    var url: String
    var every: TimeSpan
}
