/// What `release-plan.yaml` says: what a release is to bring to whom, when, by whose leave, and what is done when it goes
/// wrong. `DefinitionFiles` reads it; `ReleaseLifecycle` holds the release to it.
public struct ReleasePlan: Sendable, Equatable, Codable {
    public var release: ReleaseName
    public var category: ReleaseCategory
    /// Where it goes into service; environments before it are for proof.
    public var environment: EnvironmentName
    public var summary: String
    public var owner: String
    public var type: ChangeType
    public var roles: [PlannedRole]
    public var changes: [ReleaseChange]
    public var audience: [AudienceGroup]
    public var risks: [PlannedRisk]
    public var approvals: [ApprovalStage]
    public var strategy: StrategyKind
    public var schedule: PlannedSchedule?
    public var criteria: [PhaseCriterion]
    public var communication: [PlannedMessage]
    public var backOut: BackOutPlan?
    public var backups: BackupPlan
    public var earlyLife: EarlyLifePlan?
    public var targets: PerformanceTargets
    public var contracts: [PlannedContract]
    public var evidence: [EvidenceRule]

    public init(
        release: ReleaseName, category: ReleaseCategory, environment: EnvironmentName, summary: String, owner: String,
        type: ChangeType = .normal, roles: [PlannedRole] = [], changes: [ReleaseChange] = [],
        audience: [AudienceGroup] = [], risks: [PlannedRisk] = [], approvals: [ApprovalStage] = [],
        strategy: StrategyKind = .phased, schedule: PlannedSchedule? = nil, criteria: [PhaseCriterion] = [],
        communication: [PlannedMessage] = [], backOut: BackOutPlan? = nil, backups: BackupPlan = .verified,
        earlyLife: EarlyLifePlan? = nil, targets: PerformanceTargets = .init(), contracts: [PlannedContract] = [],
        evidence: [EvidenceRule] = []
    ) {
        self.release = release
        self.category = category
        self.environment = environment
        self.summary = summary
        self.owner = owner
        self.type = type
        self.roles = roles
        self.changes = changes
        self.audience = audience
        self.risks = risks
        self.approvals = approvals
        self.strategy = strategy
        self.schedule = schedule
        self.criteria = criteria
        self.communication = communication
        self.backOut = backOut
        self.backups = backups
        self.earlyLife = earlyLife
        self.targets = targets
        self.contracts = contracts
        self.evidence = evidence
    }

    /// What people approve: the plan without what is material to nobody, so that a text that was put better voids nothing.
    /// - Throws: never for a plan that was read; `DefinitionError` of `JSONCoding` else.
    public func approvalDigest() throws -> SHA256Digest {
        var plan = self
        plan.summary = ""
        plan.owner = ""
        plan.communication = []
        plan.targets = PerformanceTargets()
        return SHA256Digest(of: try JSONCoding.canonicalBytes(of: plan))
    }
}

/// How a change is authorised (ITIL): by a standing approval, by the chain, or by the emergency people.
public enum ChangeType: String, Sendable, Codable, CaseIterable { case standard, normal, emergency }

public enum ReleaseRole: String, Sendable, Codable, CaseIterable {
    case releaseManager, deploymentManager, buildEngineer, serviceOwner, approver, emergencyAdministrator
}

public struct PlannedRole: Sendable, Equatable, Codable {
    public var role: ReleaseRole
    public var people: [String]

    public init(role: ReleaseRole, people: [String]) {
        self.role = role
        self.people = people
    }
}

/// Who notices the release.
public struct AudienceGroup: Sendable, Equatable, Codable {
    public var group: String
    /// Whether they must be trained before it goes live.
    public var training: Training

    public init(group: String, training: Training = .none) {
        self.group = group
        self.training = training
    }

    public enum Training: String, Sendable, Codable, CaseIterable { case none, required }
}

public struct PlannedRisk: Sendable, Equatable, Codable {
    public var risk: String
    public var likelihood: ChangeRisk
    public var impact: ChangeRisk
    public var mitigation: String
    public var owner: String

    public init(risk: String, likelihood: ChangeRisk, impact: ChangeRisk, mitigation: String, owner: String) {
        self.risk = risk
        self.likelihood = likelihood
        self.impact = impact
        self.mitigation = mitigation
        self.owner = owner
    }
}

/// A step of the approval chain: `count` of the people named must have said yes; in the order of the file.
public struct ApprovalStage: Sendable, Equatable, Codable {
    public var stage: String
    /// Empty: whoever may approve releases.
    public var by: [String]
    public var count: Int
    /// How long a yes holds.
    public var valid: TimeSpan

    public init(stage: String, by: [String] = [], count: Int = 1, valid: TimeSpan = .days(7)) {
        self.stage = stage
        self.by = by
        self.count = count
        self.valid = valid
    }
}

public struct PlannedSchedule: Sendable, Equatable, Codable {
    public var from: UTCInstant
    public var until: UTCInstant

    public init(from: UTCInstant, until: UTCInstant) {
        self.from = from
        self.until = until
    }
}

/// When a phase counts as passed and as failed, in words for people; the engine's own numbers stand in `rollout.yaml`.
public struct PhaseCriterion: Sendable, Equatable, Codable {
    public var phase: String
    public var pass: String
    public var fail: String

    public init(phase: String, pass: String, fail: String) {
        self.phase = phase
        self.pass = pass
        self.fail = fail
    }
}

public struct PlannedMessage: Sendable, Equatable, Codable {
    public var event: ReleaseMoment
    /// Groups of the audience, addresses or channels.
    public var to: [String]

    public init(event: ReleaseMoment, to: [String]) {
        self.event = event
        self.to = to
    }
}

/// The moments of a release that people are told of.
public enum ReleaseMoment: String, Sendable, Codable, CaseIterable {
    case scheduled, started, phaseDone, halted, backedOut
    /// Early life support begins.
    case live
    /// Service levels are in force.
    case operational
    case reviewDue, closed
}

public struct BackOutPlan: Sendable, Equatable, Codable {
    /// A document of the package, relative to the release folder.
    public var document: String
    /// Who decides where no limit does.
    public var decides: String

    public init(document: String, decides: String) {
        self.document = document
        self.decides = decides
    }
}

public enum BackupPlan: Sendable, Equatable, Codable {
    /// A verification of them is evidence.
    case verified
    /// There is nothing to back up, and why.
    case notNeeded(String)
}

public struct EarlyLifePlan: Sendable, Equatable, Codable {
    public var span: TimeSpan
    /// What must hold at its end, in words; a person says so in the hand-over.
    public var exit: [String]
    public var handOverTo: String
    /// How often hosts compare their files and the gates are asked in that time; nil: every hour.
    public var every: TimeSpan?
    /// Of the policy; nil: none.
    public var gates: [GateName]?

    /// How often hosts in contact ask their health checks in that time; nil: every minute.
    public var health: TimeSpan?

    public static let everyDefault = TimeSpan.hours(1)
    public static let healthDefault = TimeSpan.minutes(1)

    public init(
        span: TimeSpan, exit: [String] = [], handOverTo: String, every: TimeSpan? = nil, gates: [GateName]? = nil,
        health: TimeSpan? = nil
    ) {
        self.span = span
        self.exit = exit
        self.handOverTo = handOverTo
        self.every = every
        self.gates = gates
        self.health = health
    }
}

/// What the review compares with what happened.
public struct PerformanceTargets: Sendable, Equatable, Codable {
    public var leadTime: TimeSpan?
    public var duration: TimeSpan?
    public var restore: TimeSpan?
    public var failuresMax: Int?

    public init(
        leadTime: TimeSpan? = nil, duration: TimeSpan? = nil, restore: TimeSpan? = nil, failuresMax: Int? = nil
    ) {
        self.leadTime = leadTime
        self.duration = duration
        self.restore = restore
        self.failuresMax = failuresMax
    }
}

/// A contract or service level that the release touches.
public struct PlannedContract: Sendable, Equatable, Codable {
    public var name: String
    public var change: Change

    public init(name: String, change: Change) {
        self.name = name
        self.change = change
    }

    /// Whether its text must change; `unknown` keeps the release from being ready.
    public enum Change: String, Sendable, Codable, CaseIterable { case unchanged, changed, unknown }
}
