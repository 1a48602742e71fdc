import ReleaseDefinition

/// `GET /v1/notifications`: what is on its way, and what was given up.
public struct NotificationsView: Sendable, Equatable, Codable {
    /// Since this controller was made.
    public var delivered: Int64
    /// Dead letters first.
    public var items: [NotificationView]

    public init(delivered: Int64, items: [NotificationView]) {
        self.delivered = delivered
        self.items = items
    }
}

public struct NotificationView: Sendable, Equatable, Codable {
    public var sink: String
    /// Of the CloudEvent: receivers fold duplicates by it.
    public var id: String
    public var type: String
    public var text: String
    public var attempts: Int
    /// nil: it was given up.
    public var nextAt: UTCInstant?
    public var lastError: String?
    public var isDead: Bool

    public init(
        sink: String, id: String, type: String, text: String, attempts: Int, nextAt: UTCInstant?, lastError: String?,
        isDead: Bool
    ) {
        self.sink = sink
        self.id = id
        self.type = type
        self.text = text
        self.attempts = attempts
        self.nextAt = nextAt
        self.lastError = lastError
        self.isDead = isDead
    }
}

/// `POST /v1/notifications/replay`: dead letters are sent again.
public struct NotificationReplayRequest: Sendable, Equatable, Codable {
    /// nil: of every sink.
    public var sink: String?

    public init(sink: String? = nil) { self.sink = sink }
}
