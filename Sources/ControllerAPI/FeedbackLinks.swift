import ReleaseDefinition

/// `POST …/feedback-links`: a link by which people without an account say how a release went.
public struct FeedbackLinkRequest: Sendable, Equatable, Codable {
    public var lifetime: TimeSpan
    /// How many answers it takes.
    public var uses: Int

    public init(lifetime: TimeSpan = .days(14), uses: Int = 100) {
        self.lifetime = lifetime
        self.uses = uses
    }
}

public struct FeedbackLinkView: Sendable, Equatable, Codable {
    public var url: String
    public var expiresAt: UTCInstant
    public var uses: Int

    public init(url: String, expiresAt: UTCInstant, uses: Int) {
        self.url = url
        self.expiresAt = expiresAt
        self.uses = uses
    }
}
