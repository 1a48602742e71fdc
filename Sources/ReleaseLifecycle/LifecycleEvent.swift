import ReleaseDefinition

/// A fact about a release, with its moment and whose word it is. Applied in order they rebuild the same value.
public struct LifecycleEvent: Sendable, Equatable, Codable {
    public var at: UTCInstant
    public var by: String
    public var fact: LifecycleFact

    public init(at: UTCInstant, by: String, _ fact: LifecycleFact) {
        self.at = at
        self.by = by
        self.fact = fact
    }

    /// The name for log, API and docs: `lifecycle.evidenceAdded`.
    public var name: String { "lifecycle." + fact.name }
}

public enum LifecycleFact: Sendable, Equatable, Codable {
    case planned(ReleasePlan)
    /// The package was built, or taken in.
    case built(SHA256Digest)
    case evidenceAdded(EvidenceRecord)
    case approved(LifecycleApproval)
    case declined(stage: String, reason: String)
    case rolloutStarted(RolloutID, environment: EnvironmentName, isEmergency: Bool)
    case rolloutEnded(RolloutID, RolloutVerdict)
    /// The state of every configuration item was put down.
    case baselineTaken(ConfigurationBaseline)
    case deviationRaised(Deviation)
    case deviationResolved(id: String, action: String)
    case knownErrorAdded(KnownError)
    case feedbackGiven(ReleaseFeedback)
    /// People are told of a moment; from here on the sinks are.
    case told(ReleaseMoment)
    case reviewed(ReviewConclusion)
    /// Decided here, from the gates.
    case moved(LifecycleState)

    public var name: String {
        switch self {
        case .planned: "planned"
        case .built: "built"
        case .evidenceAdded: "evidenceAdded"
        case .approved: "approved"
        case .declined: "declined"
        case .rolloutStarted: "rolloutStarted"
        case .rolloutEnded: "rolloutEnded"
        case .baselineTaken: "baselineTaken"
        case .deviationRaised: "deviationRaised"
        case .deviationResolved: "deviationResolved"
        case .knownErrorAdded: "knownErrorAdded"
        case .feedbackGiven: "feedbackGiven"
        case .told: "told"
        case .reviewed: "reviewed"
        case .moved(let state): "moved.\(state.stage.rawValue)"
        }
    }
}

/// One person's yes to a stage: for one plan and one package alone.
public struct LifecycleApproval: Sendable, Equatable, Codable {
    public var stage: String
    /// One person has one vote, under however many keys.
    public var person: String
    public var keyID: String?
    /// Of what approvals are about (`ReleasePlan.approvalDigest`).
    public var plan: SHA256Digest
    public var package: SHA256Digest
    public var until: UTCInstant
    /// What an outside system said: its change record, its words.
    public var reference: String?

    public init(
        stage: String, person: String, keyID: String?, plan: SHA256Digest, package: SHA256Digest, until: UTCInstant,
        reference: String? = nil
    ) {
        self.stage = stage
        self.person = person
        self.keyID = keyID
        self.plan = plan
        self.package = package
        self.until = until
        self.reference = reference
    }
}

/// How a rollout of the release ended, as far as the record cares.
public enum RolloutVerdict: String, Sendable, Codable {
    case succeeded, backedOut
    /// Stopped, superseded, failed: neither in service nor taken back.
    case abandoned
}

/// Every configuration item, put down before or after a rollout.
public struct ConfigurationBaseline: Sendable, Equatable, Codable {
    public enum Moment: String, Sendable, Codable { case before, after }

    public var moment: Moment
    /// nil: it was asked for by a person.
    public var rollout: RolloutID?
    public var items: Int
    /// Of the items' canonical JSON.
    public var digest: SHA256Digest

    public init(moment: Moment, rollout: RolloutID?, items: Int, digest: SHA256Digest) {
        self.moment = moment
        self.rollout = rollout
        self.items = items
        self.digest = digest
    }
}

/// One case per stage, holding only what is valid there.
public enum LifecycleState: Sendable, Equatable, Codable {
    case unplanned
    case planned
    case built
    case validated
    /// The first approval that counts ends then.
    case authorised(until: UTCInstant)
    case scheduled(PlannedSchedule)
    case deploying(RolloutID)
    case earlyLifeSupport(RolloutID, until: UTCInstant)
    case operational(since: UTCInstant)
    case backedOut(RolloutID, at: UTCInstant)
    case reviewed(at: UTCInstant)
    case closed(at: UTCInstant)
    case declined(stage: String)
    case withdrawn(reason: String)

    public var stage: LifecycleStage {
        switch self {
        case .unplanned: .unplanned
        case .planned: .planned
        case .built: .built
        case .validated: .validated
        case .authorised: .authorised
        case .scheduled: .scheduled
        case .deploying: .deploying
        case .earlyLifeSupport: .earlyLifeSupport
        case .operational: .operational
        case .backedOut: .backedOut
        case .reviewed: .reviewed
        case .closed: .closed
        case .declined: .declined
        case .withdrawn: .withdrawn
        }
    }
}
