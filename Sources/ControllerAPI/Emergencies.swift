import ReleaseDefinition

/// `GET /v1/emergencies`, and each answer of `POST /v1/emergencies/{rollout}/review`: an emergency release, and whether
/// somebody has looked at it afterwards.
public struct EmergencyView: Sendable, Equatable, Codable {
    public var rollout: RolloutID
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var reason: String
    /// The change record, where one exists.
    public var change: String?
    public var startedAt: UTCInstant
    public var startedBy: String
    /// nil: the review is still owed.
    public var review: EmergencyReviewView?
    /// Until when the review must be held: three working days after the start.
    public var dueAt: UTCInstant?
    public var isOverdue: Bool?

    public init(
        rollout: RolloutID, release: ReleaseName, environment: EnvironmentName, reason: String, change: String?,
        startedAt: UTCInstant, startedBy: String, review: EmergencyReviewView?, dueAt: UTCInstant? = nil,
        isOverdue: Bool? = nil
    ) {
        self.rollout = rollout
        self.release = release
        self.environment = environment
        self.reason = reason
        self.change = change
        self.startedAt = startedAt
        self.startedBy = startedBy
        self.review = review
        self.dueAt = dueAt
        self.isOverdue = isOverdue
    }
}

public struct EmergencyReviewView: Sendable, Equatable, Codable {
    public var at: UTCInstant
    public var by: String
    public var conclusion: String

    public init(at: UTCInstant, by: String, conclusion: String) {
        self.at = at
        self.by = by
        self.conclusion = conclusion
    }
}

/// `POST /v1/emergencies/{rollout}/review`.
public struct EmergencyReviewRequest: Sendable, Equatable, Codable {
    public var conclusion: String

    public init(conclusion: String) { self.conclusion = conclusion }
}
