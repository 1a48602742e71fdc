import ReleaseDefinition

/// What people say of a host as long as it holds. Host queries see it as a label of that name: `not pinned`.
public enum HostMarkKind: String, Sendable, Codable, CaseIterable {
    /// It keeps what it runs.
    case pinned
    /// Somebody works on it.
    case maintenance
}

/// `POST /v1/hosts/{id}/mark`, and `…/unmark` to take it away.
public struct HostMarkRequest: Sendable, Equatable, Codable {
    public var mark: HostMarkKind
    public var reason: String

    public init(mark: HostMarkKind, reason: String) {
        self.mark = mark
        self.reason = reason
    }
}

public struct HostMarkView: Sendable, Equatable, Codable {
    public var mark: HostMarkKind
    public var reason: String
    public var by: String
    public var at: UTCInstant

    public init(mark: HostMarkKind, reason: String, by: String, at: UTCInstant) {
        self.mark = mark
        self.reason = reason
        self.by = by
        self.at = at
    }
}

/// The answer to both.
public struct HostMarkedView: Sendable, Equatable, Codable {
    public var host: HostView
    /// Rollouts under way that leave the host out from now on.
    public var skippedIn: [RolloutID]
    /// Rollouts that have begun on the host: they end there.
    public var goesOnIn: [RolloutID]

    public init(host: HostView, skippedIn: [RolloutID] = [], goesOnIn: [RolloutID] = []) {
        self.host = host
        self.skippedIn = skippedIn
        self.goesOnIn = goesOnIn
    }
}
