/// What a statement about a package says of it.
public enum EvidenceKind: String, Sendable, Codable, CaseIterable {
    /// Results of tests, from JUnit XML.
    case tests
    /// Findings of a scanner, from SARIF.
    case scan
    /// What is in it, from SPDX JSON.
    case billOfMaterials
    /// How it was built, from a SLSA provenance.
    case provenance
    /// A back-out was tried: install, back out, compare, install.
    case rehearsal
    /// The first phase of a phased rollout passed in the environment that it is about: nobody states it, the log says so.
    case pilot
    /// A backup was restored somewhere and compared.
    case backupVerification
    /// A person answers for something.
    case signOff
    /// A group of users was trained.
    case training
    /// Documents were handed over to those who work with them.
    case documentation
    /// Those who run the service took it over after early life support.
    case handOver
    /// Those concerned were told by other means than a notification.
    case communication
}

/// How bad a finding of a scanner is; SARIF's levels (SARIF 2.1.0 3.27.10), `critical` by `security-severity` ≥ 9.
public enum ScanLevel: String, Sendable, Codable, CaseIterable, Comparable {
    case note, warning, error, critical

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .note: 0
        case .warning: 1
        case .error: 2
        case .critical: 3
        }
    }
}

/// What evidence must say before a release is validated: `{ kind: scan, worst: warning }`. Nothing passes without a
/// statement about the very package.
public struct EvidenceRule: Sendable, Equatable, Codable {
    public var kind: EvidenceKind
    /// How old the statement may be; nil: of any age.
    public var within: TimeSpan?
    /// Of tests: how many may fail.
    public var failuresMax: Int
    /// Of a scan: the worst finding that is let pass; nil: none is.
    public var worst: ScanLevel?
    /// How many different people must have stated it.
    public var count: Int
    /// Of sign-off and training: as whom, or which group; nil: whoever.
    public var about: String?

    public init(
        kind: EvidenceKind, within: TimeSpan? = nil, failuresMax: Int = 0, worst: ScanLevel? = nil, count: Int = 1,
        about: String? = nil
    ) {
        self.kind = kind
        self.within = within
        self.failuresMax = failuresMax
        self.worst = worst
        self.count = count
        self.about = about
    }
}
