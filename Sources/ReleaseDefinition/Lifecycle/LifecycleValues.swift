/// Where a release stands between the plan and the closed file.
public enum LifecycleStage: String, Sendable, Codable, CaseIterable {
    /// Nobody has planned it; what happens to it is recorded all the same.
    case unplanned
    case planned, built, validated, authorised, scheduled, deploying, earlyLifeSupport, operational, reviewed, closed
    case backedOut, declined, withdrawn
}

/// Something that must hold, computed from the record: never a box that somebody ticks.
public struct LifecycleGate: Sendable, Equatable, Codable {
    /// Dotted and permanent, as `evidence.tests`.
    public var name: String
    public var isMet: Bool
    /// One sentence, with both values.
    public var found: String
    /// The command that provides what is missing; nil where the gate is met, or time alone helps.
    public var remedy: String?

    public init(_ name: String, isMet: Bool, found: String, remedy: String? = nil) {
        self.name = name
        self.isMet = isMet
        self.found = found
        self.remedy = isMet ? nil : remedy
    }
}

/// The eight questions that are asked before a release goes live (mission.md B6).
public enum ChecklistQuestion: String, Sendable, Codable, CaseIterable {
    case planApproved, packageValidated, testResults, backOutTested, communicationSent, backupsVerified
    case configurationRecorded, earlyLifeScheduled
}

public struct ChecklistItem: Sendable, Equatable, Codable {
    public var question: ChecklistQuestion
    /// All of them must hold.
    public var gates: [LifecycleGate]

    public init(_ question: ChecklistQuestion, _ gates: [LifecycleGate]) {
        self.question = question
        self.gates = gates
    }

    public var isMet: Bool { gates.allSatisfy(\.isMet) }
}

/// What went otherwise than planned, what may go wrong, what is wrong: each with an owner and what is done about it.
public struct Deviation: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable { case deviation, risk, issue }

    /// Unique in the release, as `d1`; of the engine's, `e` and the log entry's number.
    public var id: String
    public var kind: Kind
    public var text: String
    public var owner: String
    /// In whose course it arose; nil: outside.
    public var rollout: RolloutID?
    /// Of the engine's: `halt`, `backOut`, `override`, `host:web-1`; nil: a person's.
    public var about: String?
    public var raisedAt: UTCInstant
    public var raisedBy: String
    public var resolution: Resolution?

    public struct Resolution: Sendable, Equatable, Codable {
        public var at: UTCInstant
        public var by: String
        /// The corrective action.
        public var action: String

        public init(at: UTCInstant, by: String, action: String) {
            self.at = at
            self.by = by
            self.action = action
        }
    }

    public init(
        id: String, kind: Kind, text: String, owner: String, rollout: RolloutID? = nil, about: String? = nil,
        raisedAt: UTCInstant, raisedBy: String, resolution: Resolution? = nil
    ) {
        self.id = id
        self.kind = kind
        self.text = text
        self.owner = owner
        self.rollout = rollout
        self.about = about
        self.raisedAt = raisedAt
        self.raisedBy = raisedBy
        self.resolution = resolution
    }
}

/// An error that is known and lived with: it travels with the release.
public struct KnownError: Sendable, Equatable, Codable {
    public var text: String
    public var workaround: String
    public var addedAt: UTCInstant
    public var addedBy: String

    public init(text: String, workaround: String, addedAt: UTCInstant, addedBy: String) {
        self.text = text
        self.workaround = workaround
        self.addedAt = addedAt
        self.addedBy = addedBy
    }
}

/// Feedback of somebody whom the release reached.
public struct ReleaseFeedback: Sendable, Equatable, Codable {
    /// Of one person or one link, about one release.
    public static let perActorMax = 1000
    public static let perReleaseMax = 10_000

    public var text: String
    /// 1 (bad) to 5 (good).
    public var score: Int
    public var at: UTCInstant
    public var by: String

    public init(text: String, score: Int, at: UTCInstant, by: String) {
        self.text = text
        self.score = score
        self.at = at
        self.by = by
    }
}

/// What somebody concluded in the post-implementation review.
public struct ReviewConclusion: Sendable, Equatable, Codable {
    public var conclusion: String
    public var lessons: [String]
    public var at: UTCInstant
    public var by: String

    public init(conclusion: String, lessons: [String] = [], at: UTCInstant, by: String) {
        self.conclusion = conclusion
        self.lessons = lessons
        self.at = at
        self.by = by
    }
}
