import ReleaseDefinition

// `POST /v1/rollouts?plan=DIGEST[&acceptHostChanges=N]` takes a `RolloutDefinition` as it is. The digest is the plan's that a
// person looked at: a material change since then is refused (409), and without one nothing starts (428).

/// The last word of `POST /v1/rollouts/{id}/{verb}` (semantics 4).
public enum RolloutVerb: String, Sendable, Codable, CaseIterable {
    case pause, resume, halt, stop, abort, promote, retry, skip
    case backOut = "back-out"
}

/// Its body.
public struct RolloutVerbRequest: Sendable, Equatable, Codable {
    /// Required for resume, halt, abort, back-out, retry and skip.
    public var reason: String?
    /// For back-out: `rollout` unless given. For abort: nil keeps what is installed, a scope backs it out.
    public var scope: BackOutScope?
    /// For retry and skip: which. For back-out: these alone.
    public var hosts: [HostID]?

    public init(reason: String? = nil, scope: BackOutScope? = nil, hosts: [HostID]? = nil) {
        self.reason = reason
        self.scope = scope
        self.hosts = hosts
    }
}

/// `POST /v1/pushes`: the release to connected hosts now, by the strategy of its environment.
public struct PushRequest: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var hosts: HostQuery
    /// nil: the one environment of the hosts that match; hosts of several are refused.
    public var environment: EnvironmentName?

    public init(release: ReleaseName, hosts: HostQuery, environment: EnvironmentName? = nil) {
        self.release = release
        self.hosts = hosts
        self.environment = environment
    }
}

/// `POST /v1/emergency-pushes`: signs into the emergency role and orders every matching host at once; pulling hosts
/// follow at their next check.
public struct EmergencyPushRequest: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var reason: String
    public var hosts: HostQuery
    /// The change record, where one exists already.
    public var change: String?
    /// nil: the one environment of the hosts that match; hosts of several are refused.
    public var environment: EnvironmentName?

    public init(
        release: ReleaseName, reason: String, hosts: HostQuery, change: String? = nil,
        environment: EnvironmentName? = nil
    ) {
        self.release = release
        self.reason = reason
        self.hosts = hosts
        self.change = change
        self.environment = environment
    }
}
