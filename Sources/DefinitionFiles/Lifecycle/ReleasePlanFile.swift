import ReleaseDefinition

/// Reads `release-plan.yaml`.
public enum ReleasePlanFile {
    public static let bytesMax = 256 << 10

    /// - Parameter file: the name that problems cite.
    /// - Throws: every problem at once, in the order of the lines.
    public static func parse(_ text: [UInt8], file: String) throws(DefinitionProblems) -> ReleasePlan {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file)
        try DefinitionKind.releasePlan.refuseOther(root, list)
        return try list.finish(read(Field(node: root, path: "", list: list)))
    }

    private static let keys = KeyTable(known: [
        "release", "category", "environment", "summary", "owner", "type", "roles", "changes", "audience", "risks",
        "approvals", "strategy", "schedule", "criteria", "communication", "backOut", "backups", "earlyLife", "targets",
        "contracts", "evidence",
    ])

    private static func read(_ field: Field) -> ReleasePlan? {
        guard let mapping = MappingReader(field, keys, what: "a release plan") else { return nil }
        let release = mapping.required("release", example: "release: payments@1.4") {
            $0.value("a release, PRODUCT@VERSION") { text throws(DefinitionError) in try ReleaseName(text) }
        }
        let category = mapping.required("category", example: "category: minor") { $0.choice(ReleaseCategory.self) }
        let environment = mapping.required("environment", example: "environment: production") {
            $0.name(EnvironmentName.self)
        }
        let summary = mapping.required("summary", example: "summary: WHAT THE RELEASE BRINGS") { $0.text() }
        let owner = mapping.required("owner", example: "owner: payments-team") { $0.text(lengthMax: 100) }
        let changes = mapping.required("changes", example: "changes: with one change at least") {
            $0.someElements(countMax: 1000, what: "changes", ChangeReader.read)
        }
        if let release, let category { ReleaseFile.checkNumbering(release.version, category, mapping, at: "release") }
        let people = readPeople(mapping)
        let course = readCourse(mapping)
        let after = readAfter(mapping)
        guard let release, let category, let environment, let summary, let owner, let changes, let people, let course,
            let after
        else { return nil }
        return ReleasePlan(
            release: release, category: category, environment: environment, summary: summary, owner: owner,
            type: course.type, roles: people.roles, changes: changes, audience: people.audience, risks: course.risks,
            approvals: people.approvals, strategy: course.strategy, schedule: course.schedule,
            criteria: course.criteria, communication: people.communication, backOut: course.backOut,
            backups: course.backups, earlyLife: after.earlyLife, targets: after.targets, contracts: after.contracts,
            evidence: after.evidence)
    }

    private struct People {
        var roles: [PlannedRole]
        var audience: [AudienceGroup]
        var approvals: [ApprovalStage]
        var communication: [PlannedMessage]
    }

    private static func readPeople(_ mapping: MappingReader) -> People? {
        let roles = mapping.optional("roles", default: [], PlanReaders.roles)
        let audience = mapping.optional("audience", default: []) {
            $0.elements(countMax: 100, what: "groups", PlanReaders.audience)
        }
        let approvals = mapping.optional("approvals", default: []) {
            $0.elements(countMax: 10, what: "stages", PlanReaders.approval)
        }
        let communication = mapping.optional("communication", default: []) {
            $0.elements(countMax: 50, what: "messages", PlanReaders.message)
        }
        guard let roles, let audience, let approvals, let communication else { return nil }
        if Set(approvals.map(\.stage)).count != approvals.count {
            mapping.refuseRule(
                at: "approvals", "stageTwice", found: approvals.map(\.stage).joined(separator: ", "),
                expected: "each stage once", remedy: "Give each stage a name of its own.")
        }
        return People(roles: roles, audience: audience, approvals: approvals, communication: communication)
    }

    private struct Course {
        var type: ChangeType
        var risks: [PlannedRisk]
        var strategy: StrategyKind
        var schedule: PlannedSchedule?
        var criteria: [PhaseCriterion]
        var backOut: BackOutPlan?
        var backups: BackupPlan
    }

    private static func readCourse(_ mapping: MappingReader) -> Course? {
        let type = mapping.optional("type", default: ChangeType.normal) { $0.choice(ChangeType.self) }
        let risks = mapping.optional("risks", default: []) {
            $0.elements(countMax: 100, what: "risks", PlanReaders.risk)
        }
        let strategy = mapping.optional("strategy", default: StrategyKind.phased) { $0.choice(StrategyKind.self) }
        let schedule = mapping.optional("schedule", default: PlannedSchedule?.none) {
            PlanReaders.schedule($0).map(Optional.some)
        }
        let criteria = mapping.optional("criteria", default: []) {
            $0.elements(countMax: 50, what: "criteria", PlanReaders.criterion)
        }
        let backOut = mapping.optional("backOut", default: BackOutPlan?.none) {
            PlanReaders.backOut($0).map(Optional.some)
        }
        let backups = mapping.optional("backups", default: BackupPlan.verified, PlanReaders.backups)
        guard let type, let risks, let strategy, let schedule, let criteria, let backOut, let backups else {
            return nil
        }
        return Course(
            type: type, risks: risks, strategy: strategy, schedule: schedule, criteria: criteria, backOut: backOut,
            backups: backups)
    }

    private struct After {
        var earlyLife: EarlyLifePlan?
        var targets: PerformanceTargets
        var contracts: [PlannedContract]
        var evidence: [EvidenceRule]
    }

    private static func readAfter(_ mapping: MappingReader) -> After? {
        let earlyLife = mapping.optional("earlyLife", default: EarlyLifePlan?.none) {
            PlanReaders.earlyLife($0).map(Optional.some)
        }
        let targets = mapping.optional("targets", default: PerformanceTargets(), PlanReaders.targets)
        let contracts = mapping.optional("contracts", default: []) {
            $0.elements(countMax: 100, what: "contracts", PlanReaders.contract)
        }
        let evidence = mapping.optional("evidence", default: []) {
            $0.elements(countMax: 50, what: "rules", EvidenceRuleReader.read)
        }
        guard let earlyLife, let targets, let contracts, let evidence else { return nil }
        return After(earlyLife: earlyLife, targets: targets, contracts: contracts, evidence: evidence)
    }
}
