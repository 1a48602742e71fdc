import ReleaseDefinition

/// `GET /v1/doctor`: what the controller finds when it looks at itself.
public struct DoctorReport: Sendable, Equatable, Codable {
    /// The controller's clock when it looked.
    public var at: UTCInstant
    public var findings: [DoctorFinding]

    public init(at: UTCInstant, findings: [DoctorFinding]) {
        self.at = at
        self.findings = findings
    }

    public var hasProblem: Bool { findings.contains { $0.level == .problem } }
}

public struct DoctorFinding: Sendable, Equatable, Codable {
    public enum Level: String, Sendable, Codable, CaseIterable {
        case good
        /// Nothing is broken yet, or somebody owes something.
        case warning
        /// Something does not work, or is promised and not kept.
        case problem
    }

    public enum Check: String, Sendable, Codable, CaseIterable {
        case controller, clock, metadata, certificates, profile, keys, disk, repository, reviews, hosts
    }

    public var check: Check
    public var level: Level
    public var summary: String
    /// nil where nothing is to be done.
    public var remedy: String?

    public init(_ check: Check, _ level: Level, _ summary: String, remedy: String? = nil) {
        self.check = check
        self.level = level
        self.summary = summary
        self.remedy = remedy
    }
}
