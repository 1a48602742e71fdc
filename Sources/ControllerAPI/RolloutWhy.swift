import ReleaseDefinition

/// `GET /v1/rollouts/{id}/why[?host=H]` and `GET /v1/hosts/{id}/why?release=R`: what holds a host, or the hosts that are not
/// done, and when it moves by itself.
public struct RolloutWhyView: Sendable, Equatable, Codable {
    public var release: ReleaseName
    /// nil: no rollout of the release means the host.
    public var rollout: RolloutID?
    /// What stands between the release and its end, from the rollout down to the host; empty: nothing does.
    public var reasons: [RolloutHold]
    public var hosts: [HostHold]
    /// When something moves by itself at the latest; nil: not before a person or a host acts.
    public var nextAttemptAt: UTCInstant?

    public init(
        release: ReleaseName, rollout: RolloutID?, reasons: [RolloutHold], hosts: [HostHold], nextAttemptAt: UTCInstant?
    ) {
        self.release = release
        self.rollout = rollout
        self.reasons = reasons
        self.hosts = hosts
        self.nextAttemptAt = nextAttemptAt
    }
}

/// One thing that holds.
public struct RolloutHold: Sendable, Equatable, Codable {
    /// A permanent word: `window`, `paused`, `halted`, `promotion`, `bake`, `phase`, `parallelism`, `group`, `contact`,
    /// `answer`, `ended`, `approval`, `revoked`, `query`, `noRollout`, `running`, `outcome`, `stillRunning`,
    /// `failed`, `channel`.
    public var what: String
    public var text: String
    /// When it lets go by itself; nil: it does not, or nobody knows.
    public var until: UTCInstant?
    /// The commands that let it go; nil: none does, or it is not a person's to decide.
    public var remedy: String?

    public init(_ what: String, _ text: String, until: UTCInstant? = nil, remedy: String? = nil) {
        self.remedy = remedy
        self.what = what
        self.text = text
        self.until = until
    }
}

/// A host that is not done, with the one thing that holds it.
public struct HostHold: Sendable, Equatable, Codable {
    public var host: HostID
    public var phase: Int
    public var state: String
    public var hold: RolloutHold

    public init(host: HostID, phase: Int, state: String, hold: RolloutHold) {
        self.host = host
        self.phase = phase
        self.state = state
        self.hold = hold
    }
}
