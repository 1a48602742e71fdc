import ReleaseDefinition

/// The parts of a release plan.
enum PlanReaders {
    /// `{ releaseManager: [ann], serviceOwner: [bob] }`
    static func roles(_ field: Field) -> [PlannedRole]? {
        field.pairs(countMax: ReleaseRole.allCases.count, what: "roles") { key, value in
            let role = key.choice(ReleaseRole.self)
            let people = value.someElements(countMax: 50, what: "people") { $0.text(lengthMax: 100) }
            guard let role, let people else { return nil }
            return PlannedRole(role: role, people: people)
        }
    }

    private static let audienceKeys = KeyTable(known: ["group", "training"])

    /// `{ group: shop staff, training: required }`
    static func audience(_ field: Field) -> AudienceGroup? {
        guard let mapping = MappingReader(field, audienceKeys, what: "a group") else { return nil }
        let group = mapping.required("group", example: "group: shop staff") { $0.text(lengthMax: 100) }
        let training = mapping.optional("training", default: AudienceGroup.Training.none) {
            $0.choice(AudienceGroup.Training.self)
        }
        guard let group, let training else { return nil }
        return AudienceGroup(group: group, training: training)
    }

    private static let riskKeys = KeyTable(known: ["risk", "likelihood", "impact", "mitigation", "owner"])

    static func risk(_ field: Field) -> PlannedRisk? {
        guard let mapping = MappingReader(field, riskKeys, what: "a risk") else { return nil }
        let risk = mapping.required("risk", example: "risk: WHAT MAY HAPPEN") { $0.text() }
        let likelihood = mapping.optional("likelihood", default: ChangeRisk.low) { $0.choice(ChangeRisk.self) }
        let impact = mapping.optional("impact", default: ChangeRisk.medium) { $0.choice(ChangeRisk.self) }
        let mitigation = mapping.required("mitigation", example: "mitigation: WHAT IS DONE ABOUT IT") { $0.text() }
        let owner = mapping.required("owner", example: "owner: ann") { $0.text(lengthMax: 100) }
        guard let risk, let likelihood, let impact, let mitigation, let owner else { return nil }
        return PlannedRisk(risk: risk, likelihood: likelihood, impact: impact, mitigation: mitigation, owner: owner)
    }

    private static let approvalKeys = KeyTable(known: ["stage", "by", "count", "valid"])

    /// `{ stage: change board, by: [ann, bob], count: 2, valid: 7d }`
    static func approval(_ field: Field) -> ApprovalStage? {
        guard let mapping = MappingReader(field, approvalKeys, what: "a stage") else { return nil }
        let stage = mapping.required("stage", example: "stage: change board") { $0.text(lengthMax: 60) }
        let by = mapping.optional("by", default: []) {
            $0.someElements(countMax: 50, what: "people") { $0.text(lengthMax: 100) }
        }
        let count = mapping.optional("count", default: 1) { $0.integer(1...20) }
        let valid = mapping.optional("valid", default: TimeSpan.days(7)) { $0.span(.minutes(1) ... .days(90)) }
        guard let stage, let by, let count, let valid else { return nil }
        guard by.isEmpty || Set(by).count >= count else {
            mapping.refuseRule(
                at: "count", "approvers", found: "\(count) of \(Set(by).count.of("person"))",
                expected: "as many people as must say yes", remedy: "Name more people or lower count.")
            return nil
        }
        return ApprovalStage(stage: stage, by: by, count: count, valid: valid)
    }

    private static let messageKeys = KeyTable(known: ["event", "to"])

    static func message(_ field: Field) -> PlannedMessage? {
        guard let mapping = MappingReader(field, messageKeys, what: "a message") else { return nil }
        let event = mapping.required("event", example: "event: live") { $0.choice(ReleaseMoment.self) }
        let to = mapping.required("to", example: "to: [shop staff]") {
            $0.someElements(countMax: 50, what: "recipients") { $0.text(lengthMax: 100) }
        }
        guard let event, let to else { return nil }
        return PlannedMessage(event: event, to: to)
    }

    private static let scheduleKeys = KeyTable(known: ["from", "until"])

    static func schedule(_ field: Field) -> PlannedSchedule? {
        guard let mapping = MappingReader(field, scheduleKeys, what: "a schedule") else { return nil }
        let moment = { (key: String, example: String) in
            mapping.required(key, example: example) { field in
                field.value("a moment in UTC") { text throws(DefinitionError) in try UTCInstant(text) }
            }
        }
        let from = moment("from", "from: \"2026-11-24T20:00:00Z\"")
        let until = moment("until", "until: \"2026-11-24T23:00:00Z\"")
        guard let from, let until else { return nil }
        guard from < until else {
            mapping.refuseRule(
                at: "until", "scheduleEnds", found: "from \(from) until \(until)", expected: "an end after the start",
                remedy: "Exchange them, or correct the date.")
            return nil
        }
        return PlannedSchedule(from: from, until: until)
    }

    private static let criterionKeys = KeyTable(known: ["phase", "pass", "fail"])

    static func criterion(_ field: Field) -> PhaseCriterion? {
        guard let mapping = MappingReader(field, criterionKeys, what: "a criterion") else { return nil }
        let phase = mapping.required("phase", example: "phase: pilot") { $0.text(lengthMax: 60) }
        let pass = mapping.required("pass", example: "pass: WHEN IT HAS PASSED") { $0.text() }
        let fail = mapping.required("fail", example: "fail: WHEN IT HAS FAILED") { $0.text() }
        guard let phase, let pass, let fail else { return nil }
        return PhaseCriterion(phase: phase, pass: pass, fail: fail)
    }

    private static let backOutKeys = KeyTable(known: ["document", "decides"])

    static func backOut(_ field: Field) -> BackOutPlan? {
        guard let mapping = MappingReader(field, backOutKeys, what: "a back-out plan") else { return nil }
        let document = mapping.required("document", example: "document: docs/back-out.md") {
            $0.relativePath("a document")
        }
        let decides = mapping.required("decides", example: "decides: ann") { $0.text(lengthMax: 100) }
        guard let document, let decides else { return nil }
        return BackOutPlan(document: document, decides: decides)
    }

    private static let backupKeys = KeyTable(known: ["notNeeded"])

    /// `verified`, or `{ notNeeded: the service keeps no data }`.
    static func backups(_ field: Field) -> BackupPlan? {
        if case .text(let text, _) = field.node.content {
            guard text == "verified" else {
                return field.refuse(
                    "value.choice", expected: "verified, or notNeeded: with the reason",
                    remedy: "Write backups: verified, or backups: { notNeeded: WHY }.")
            }
            return .verified
        }
        guard let mapping = MappingReader(field, backupKeys, what: "backups") else { return nil }
        return mapping.required("notNeeded", example: "notNeeded: the service keeps no data") { $0.text() }
            .map(BackupPlan.notNeeded)
    }

    private static let earlyLifeKeys = KeyTable(known: ["for", "exit", "handOverTo", "every", "gates", "health"])

    static func earlyLife(_ field: Field) -> EarlyLifePlan? {
        guard let mapping = MappingReader(field, earlyLifeKeys, what: "early life support") else { return nil }
        let span = mapping.required("for", example: "for: 24h") { $0.span(.seconds(1) ... .days(90)) }
        let exit = mapping.optional("exit", default: []) {
            $0.elements(countMax: 50, what: "criteria") { $0.text() }
        }
        let handOverTo = mapping.required("handOverTo", example: "handOverTo: service desk") {
            $0.text(lengthMax: 100)
        }
        let every = mapping.optional("every", default: TimeSpan?.none) {
            $0.span(.seconds(1) ... .days(1)).map(Optional.some)
        }
        let gates = mapping.optional("gates", default: [GateName]?.none) {
            $0.someElements(countMax: 20, what: "gates") { $0.name(GateName.self) }.map(Optional.some)
        }
        let health = mapping.optional("health", default: TimeSpan?.none) {
            $0.span(.seconds(1) ... .hours(1)).map(Optional.some)
        }
        guard let span, let exit, let handOverTo, let every, let gates, let health else { return nil }
        return EarlyLifePlan(
            span: span, exit: exit, handOverTo: handOverTo, every: every, gates: gates, health: health)
    }

    private static let targetKeys = KeyTable(known: ["leadTime", "duration", "restore", "failures"])

    static func targets(_ field: Field) -> PerformanceTargets? {
        guard let mapping = MappingReader(field, targetKeys, what: "targets") else { return nil }
        let span = { (key: String) in
            mapping.optional(key, default: TimeSpan?.none) { $0.span(.seconds(1) ... .days(365)).map(Optional.some) }
        }
        let (leadTime, duration, restore) = (span("leadTime"), span("duration"), span("restore"))
        let failures = mapping.optional("failures", default: Int?.none) { $0.integer(0...100_000).map(Optional.some) }
        guard let leadTime, let duration, let restore, let failures else { return nil }
        return PerformanceTargets(leadTime: leadTime, duration: duration, restore: restore, failuresMax: failures)
    }

    private static let contractKeys = KeyTable(known: ["name", "change"])

    static func contract(_ field: Field) -> PlannedContract? {
        guard let mapping = MappingReader(field, contractKeys, what: "a contract") else { return nil }
        let name = mapping.required("name", example: "name: SLA-7") { $0.text(lengthMax: 100) }
        let change = mapping.required("change", example: "change: unchanged") {
            $0.choice(PlannedContract.Change.self)
        }
        guard let name, let change else { return nil }
        return PlannedContract(name: name, change: change)
    }
}
