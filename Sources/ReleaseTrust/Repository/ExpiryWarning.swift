import ReleaseDefinition

/// How near the end of a role's life is: somebody is told once at each.
public enum ExpiryLevel: String, Sendable, Codable, CaseIterable {
    case days30, days14, days3, expired

    /// The time that is left at most; from this moment on the level holds.
    public var margin: TimeSpan {
        switch self {
        case .days30: .days(30)
        case .days14: .days(14)
        case .days3: .days(3)
        case .expired: .zero
        }
    }

    /// The most urgent that holds; nil: there is time.
    public init?(expiresAt: UTCInstant, at now: UTCInstant) {
        guard let level = Self.allCases.last(where: { expiresAt.since(now) <= $0.margin }) else { return nil }
        self = level
    }
}

/// A role's metadata ends soon, or has ended.
public struct ExpiryWarning: Sendable, Equatable {
    public var role: String
    public var expiresAt: UTCInstant
    public var level: ExpiryLevel

    /// What follows, and what to do.
    public var words: String {
        switch level {
        case .expired where Self.renewedByController.contains(role):
            "expired: the controller renews it by itself and could not, see its log; hosts install nothing new"
        case .expired: "expired: hosts install nothing that needs it; renew it with slipway keys renew \(role)"
        default: "expires within \(level.margin): renew it with slipway keys renew \(role)"
        }
    }

    /// Renewed at half their lives: that they end soon is no news.
    public static let renewedByController: Set = ["snapshot", "timestamp"]
}

extension [RoleSurvey] {
    /// A function of the metadata in force and of the time: one for each role that needs somebody.
    public func expiryWarnings(at now: UTCInstant) -> [ExpiryWarning] {
        compactMap { row in
            guard let expiresAt = row.expiresAt, let level = ExpiryLevel(expiresAt: expiresAt, at: now) else {
                return nil
            }
            guard level == .expired || !ExpiryWarning.renewedByController.contains(row.role) else { return nil }
            return ExpiryWarning(role: row.role, expiresAt: expiresAt, level: level)
        }
    }
}
