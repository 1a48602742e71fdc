import ReleaseDefinition

/// `POST /v1/policy`: puts a policy in force. `POST /v1/policy/checks`: whether it could be.
public struct PolicyRequest: Sendable, Equatable, Codable {
    /// Of `policy.yaml`, as it is.
    public var text: String
    public var reason: String

    public init(text: String, reason: String) {
        self.text = text
        self.reason = reason
    }
}

public struct PolicyCheckView: Sendable, Equatable, Codable {
    /// Of the controller.
    public var environments: [EnvironmentName]

    public init(environments: [EnvironmentName]) { self.environments = environments }
}

/// `GET /v1/policy`, and each of `GET /v1/policy/versions`.
public struct PolicyView: Sendable, Equatable, Codable {
    /// What refusals call the file.
    public static let fileName = "policy.yaml"

    public var version: Int
    public var appliedAt: UTCInstant
    public var appliedBy: String
    public var reason: String
    public var text: String

    public init(version: Int, appliedAt: UTCInstant, appliedBy: String, reason: String, text: String) {
        self.version = version
        self.appliedAt = appliedAt
        self.appliedBy = appliedBy
        self.reason = reason
        self.text = text
    }
}

/// `POST /v1/policy/overrides`: sets rules aside for one release in one environment; the policy says who may.
public struct PolicyOverrideRequest: Sendable, Equatable, Codable {
    public static let validMax = TimeSpan.days(7)

    public var release: ReleaseName
    public var environment: EnvironmentName
    public var rules: [PolicyRule]
    public var reason: String
    public var valid: TimeSpan

    public init(
        release: ReleaseName, environment: EnvironmentName, rules: [PolicyRule], reason: String, valid: TimeSpan
    ) {
        self.release = release
        self.environment = environment
        self.rules = rules
        self.reason = reason
        self.valid = valid
    }
}

/// Each of `GET /v1/policy/overrides`, the newest last.
public struct PolicyOverrideView: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var environment: EnvironmentName
    public var rules: [PolicyRule]
    public var reason: String
    public var until: UTCInstant
    public var by: String
    public var at: UTCInstant

    public init(
        release: ReleaseName, environment: EnvironmentName, rules: [PolicyRule], reason: String, until: UTCInstant,
        by: String, at: UTCInstant
    ) {
        self.release = release
        self.environment = environment
        self.rules = rules
        self.reason = reason
        self.until = until
        self.by = by
        self.at = at
    }
}
