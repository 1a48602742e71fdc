import ReleaseDefinition

/// What has been put down about a release, in the order in which it came.
public struct LifecycleRecord: Sendable, Equatable {
    public struct Rollout: Sendable, Equatable {
        public var id: RolloutID
        public var environment: EnvironmentName
        public var isEmergency: Bool
        public var startedAt: UTCInstant
        public var verdict: RolloutVerdict?
        public var endedAt: UTCInstant?
    }

    public struct Entry: Sendable, Equatable {
        public var stage: LifecycleStage
        public var at: UTCInstant
    }

    public internal(set) var plan: ReleasePlan?
    public internal(set) var plannedAt: UTCInstant?
    /// Whoever planned it, first or later: all of them are authors.
    public internal(set) var authors: Set<String> = []
    public internal(set) var package: SHA256Digest?
    public internal(set) var builtAt: UTCInstant?
    public internal(set) var evidence: [EvidenceRecord] = []
    public internal(set) var approvals: [LifecycleApproval] = []
    public internal(set) var rollouts: [Rollout] = []
    public internal(set) var baselines: [ConfigurationBaseline] = []
    public internal(set) var deviations: [Deviation] = []
    public internal(set) var knownErrors: [KnownError] = []
    public internal(set) var feedback: [ReleaseFeedback] = []
    /// What people were told since the release was planned, or since its last rollout began.
    public internal(set) var told: Set<ReleaseMoment> = []
    public internal(set) var review: ReviewConclusion?
    /// Each stage with the moment of its beginning.
    public internal(set) var history: [Entry] = []

    public func began(_ stage: LifecycleStage) -> UTCInstant? { history.last { $0.stage == stage }?.at }

    public var openDeviations: [Deviation] { deviations.filter { $0.resolution == nil } }

    /// Statements about the package that is there now.
    public var ownEvidence: [EvidenceRecord] { evidence.filter { $0.package == package } }

    func baseline(_ moment: ConfigurationBaseline.Moment, of rollout: RolloutID) -> ConfigurationBaseline? {
        baselines.last { $0.moment == moment && $0.rollout == rollout }
    }
}
