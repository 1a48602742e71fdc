import ReleaseDefinition

/// `GET /v1/releases/{product}/{version}/lifecycle`, and each of `GET /v1/lifecycles`: where a release stands, what is
/// missing, what has been put down.
public struct LifecycleView: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var stage: LifecycleStage
    /// One sentence: since when, until when, why.
    public var words: String
    /// Where it goes into service.
    public var environment: EnvironmentName
    public var plan: ReleasePlan?
    public var package: SHA256Digest?
    /// What an approval is about; nil: there is no plan.
    public var approvalDigest: SHA256Digest?
    /// What the next stage asks for.
    public var gates: [LifecycleGate]
    public var checklist: [ChecklistItem]
    public var evidence: [EvidenceRecord]
    public var deviations: [Deviation]
    public var knownErrors: [KnownError]
    public var feedback: [ReleaseFeedback]
    public var history: [LifecycleEntryView]
    public var review: ReviewConclusion?
    public var reviewDueAt: UTCInstant?
    public var isReviewOverdue: Bool

    public init(
        release: ReleaseName, stage: LifecycleStage, words: String, environment: EnvironmentName, plan: ReleasePlan?,
        package: SHA256Digest?, approvalDigest: SHA256Digest?, gates: [LifecycleGate], checklist: [ChecklistItem],
        evidence: [EvidenceRecord], deviations: [Deviation], knownErrors: [KnownError], feedback: [ReleaseFeedback],
        history: [LifecycleEntryView], review: ReviewConclusion?, reviewDueAt: UTCInstant?, isReviewOverdue: Bool
    ) {
        self.release = release
        self.stage = stage
        self.words = words
        self.environment = environment
        self.plan = plan
        self.package = package
        self.approvalDigest = approvalDigest
        self.gates = gates
        self.checklist = checklist
        self.evidence = evidence
        self.deviations = deviations
        self.knownErrors = knownErrors
        self.feedback = feedback
        self.history = history
        self.review = review
        self.reviewDueAt = reviewDueAt
        self.isReviewOverdue = isReviewOverdue
    }
}

public struct LifecycleEntryView: Sendable, Equatable, Codable {
    public var stage: LifecycleStage
    public var at: UTCInstant

    public init(stage: LifecycleStage, at: UTCInstant) {
        self.stage = stage
        self.at = at
    }
}

/// `POST …/plan`: of `release-plan.yaml`, as it is.
public struct ReleasePlanRequest: Sendable, Equatable, Codable {
    public var text: String

    public init(text: String) { self.text = text }
}

/// `POST …/evidence`: a statement that somebody signed, with the document that it rests on; or what the controller is to
/// state for the caller, in the profile solo.
public struct EvidenceRequest: Sendable, Equatable, Codable {
    public static let documentMax = ByteCount(64 << 20)

    public struct Unsigned: Sendable, Equatable, Codable {
        public var kind: EvidenceKind
        public var about: String?
        public var result: EvidenceSummary.Result

        public init(kind: EvidenceKind, about: String?, result: EvidenceSummary.Result) {
            self.kind = kind
            self.about = about
            self.result = result
        }
    }

    /// A DSSE envelope of an in-toto statement.
    public var envelope: JSONValue?
    /// PEM, where a host signed the envelope: its certificate. A host speaks of its own rehearsals alone.
    public var certificate: String?
    public var unsigned: Unsigned?
    public var documentName: String?
    /// In base 64.
    public var document: String?

    public init(
        envelope: JSONValue? = nil, unsigned: Unsigned? = nil, documentName: String? = nil, document: String? = nil
    ) {
        self.envelope = envelope
        self.unsigned = unsigned
        self.documentName = documentName
        self.document = document
    }
}

/// `POST …/authorisations`: a yes to the plan and the package, with their digests, so that nobody approves what he has not
/// seen. With a key, `envelope` is the same, signed.
public struct ReleaseConsent: Sendable, Equatable, Codable {
    public static let payloadType = "application/vnd.slipway.release-consent+json"

    public var release: ReleaseName
    public var stage: String
    public var plan: SHA256Digest
    public var package: SHA256Digest
    public var validUntil: UTCInstant

    public init(
        release: ReleaseName, stage: String, plan: SHA256Digest, package: SHA256Digest, validUntil: UTCInstant
    ) {
        self.release = release
        self.stage = stage
        self.plan = plan
        self.package = package
        self.validUntil = validUntil
    }
}

public struct ReleaseConsentRequest: Sendable, Equatable, Codable {
    public var consent: ReleaseConsent
    /// A DSSE envelope over the consent, by an approver's key.
    public var envelope: JSONValue?

    public init(consent: ReleaseConsent, envelope: JSONValue? = nil) {
        self.consent = consent
        self.envelope = envelope
    }
}

/// `POST …/declines`: a no, which is the end of the release.
public struct ReleaseDeclineRequest: Sendable, Equatable, Codable {
    public var stage: String
    public var reason: String

    public init(stage: String, reason: String) {
        self.stage = stage
        self.reason = reason
    }
}

/// `POST …/deviations`.
public struct DeviationRequest: Sendable, Equatable, Codable {
    public var kind: Deviation.Kind
    public var text: String
    public var owner: String
    public var rollout: RolloutID?

    public init(kind: Deviation.Kind, text: String, owner: String, rollout: RolloutID? = nil) {
        self.kind = kind
        self.text = text
        self.owner = owner
        self.rollout = rollout
    }
}

/// `POST …/deviations/{id}/resolve`.
public struct DeviationResolveRequest: Sendable, Equatable, Codable {
    public var action: String

    public init(action: String) { self.action = action }
}

/// `POST …/known-errors`.
public struct KnownErrorRequest: Sendable, Equatable, Codable {
    public var text: String
    public var workaround: String

    public init(text: String, workaround: String) {
        self.text = text
        self.workaround = workaround
    }
}

/// `POST …/feedback`.
public struct FeedbackRequest: Sendable, Equatable, Codable {
    public var text: String
    public var score: Int

    public init(text: String, score: Int) {
        self.text = text
        self.score = score
    }
}

/// `POST …/review`.
public struct ReleaseReviewRequest: Sendable, Equatable, Codable {
    public var conclusion: String
    public var lessons: [String]

    public init(conclusion: String, lessons: [String] = []) {
        self.conclusion = conclusion
        self.lessons = lessons
    }
}

/// `GET …/review`: the post-implementation review, filled from what happened.
public struct ReleaseReviewView: Sendable, Equatable, Codable {
    public struct Field: Sendable, Equatable, Codable {
        public var name: String
        public var planned: String?
        public var actual: String?
        /// Where the actual value comes from.
        public var source: String
        /// Whether the plan was kept; nil: there was nothing to keep.
        public var isKept: Bool?

        public init(name: String, planned: String?, actual: String?, source: String, isKept: Bool? = nil) {
            self.name = name
            self.planned = planned
            self.actual = actual
            self.source = source
            self.isKept = isKept
        }
    }

    public var release: ReleaseName
    public var stage: LifecycleStage
    public var fields: [Field]
    /// Of the fields, those that nobody had to type.
    public var filled: Int
    public var conclusion: ReviewConclusion?

    public init(
        release: ReleaseName, stage: LifecycleStage, fields: [Field], filled: Int, conclusion: ReviewConclusion?
    ) {
        self.release = release
        self.stage = stage
        self.fields = fields
        self.filled = filled
        self.conclusion = conclusion
    }
}
