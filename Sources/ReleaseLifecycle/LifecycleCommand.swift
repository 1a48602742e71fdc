import ReleaseDefinition

/// Everything a release's record can be told. Facts from outside never throw; what people want is refused where it does
/// not fit, with everything that is missing.
public enum LifecycleCommand: Sendable, Equatable {
    // What happened.
    case built(SHA256Digest)
    case rolloutStarted(RolloutID, environment: EnvironmentName, isEmergency: Bool)
    case rolloutEnded(RolloutID, RolloutVerdict)
    case baselineTaken(ConfigurationBaseline)
    case told(ReleaseMoment)
    /// Time passed: due at `nextDeadlineAt`, harmless at any other moment.
    case tick

    // What people want.
    case plan(ReleasePlan)
    case addEvidence(EvidenceRecord)
    /// - Parameter excludesAuthor: who planned the release does not count.
    case approve(LifecycleApproval, excludesAuthor: Bool)
    case decline(stage: String, person: String, reason: String)
    /// May a rollout in the environment where it goes into service start now?
    case deploy(isEmergency: Bool)
    case raise(Deviation)
    case resolve(deviation: String, action: String)
    case addKnownError(KnownError)
    case giveFeedback(ReleaseFeedback)
    case review(ReviewConclusion)
    case close(ClosureFacts)
    case withdraw(reason: String)
}

/// What the record cannot know by itself, looked up at the moment of closure.
public struct ClosureFacts: Sendable, Equatable {
    /// Hosts that run the product and whose files are not as they were signed.
    public var drifted: [HostID]
    /// Hosts that run the product and did not say whether their files are as they were signed.
    public var unheard: [HostID]
    /// Where the log and what hosts report disagree, a sentence each.
    public var disagreements: [String]
    /// Emergencies of the release whose review is owed.
    public var unreviewed: [RolloutID]

    public init(
        drifted: [HostID] = [], unheard: [HostID] = [], disagreements: [String] = [], unreviewed: [RolloutID] = []
    ) {
        self.drifted = drifted
        self.unheard = unheard
        self.disagreements = disagreements
        self.unreviewed = unreviewed
    }
}

/// What the record wants done.
public enum LifecycleAction: Sendable, Hashable {
    /// Those concerned are to be told; done once `told` is recorded.
    case tell(ReleaseMoment)
    /// The configuration items are to be put down.
    case takeBaseline(ConfigurationBaseline.Moment, RolloutID)
}
