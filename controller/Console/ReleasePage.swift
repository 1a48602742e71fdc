import ControllerAPI
import ReleaseDefinition

/// The console's pages of records: releases, one of them, its documents, and the measures. Nothing of them moves by itself.
struct RecordPage: Sendable {
    var person: String
    var now: UTCInstant
    var title: String
    var content: any RecordContent
    /// What this person may do with it.
    var acts: [ConsoleAct] = []
    private var proof: String?
    private var address: String?
    private var page = ""
    private var told: ConsoleTold?

    init(
        person: String, now: UTCInstant, title: String, content: any RecordContent, acts: [ConsoleAct] = []
    ) {
        (self.person, self.now, self.title, self.content, self.acts) = (person, now, title, content, acts)
    }

    /// Somebody looks at it: it can be acted on, and says what the last form did.
    mutating func visit(_ visit: ConsoleVisit) {
        (proof, page, address, told) = (visit.proof, visit.page, visit.address, visit.told)
    }

    func render(_ templates: ConsoleTemplates) -> [UInt8] {
        let frame: [String: Any] = [
            "person": person, "now": ConsoleWords.moment(now), "title": title, "style": ConsoleAssets.stylePath,
            "proof": proof ?? "", "page": page, "address": address ?? "", "told": told.map { [$0.model] } ?? [],
            "hasActs": proof != nil && !acts.isEmpty, "acts": acts.map(\.model),
        ]
        return Array(templates.render("record", frame.merging(content.model) { first, _ in first }).utf8)
    }
}

/// A part of the template with what it names.
protocol RecordContent: Sendable {
    var model: [String: Any] { get }
}

/// Where each release stands.
struct ReleaseTable: RecordContent {
    static let rowsMax = 500

    let releases: [LifecycleView]
    /// What is no longer installed somewhere, and why.
    var taken: [ReleaseName: [String]] = [:]

    var model: [String: Any] {
        [
            "isReleases": true, "hasReleases": !releases.isEmpty,
            "releases": releases.prefix(Self.rowsMax).map(row),
            "releasesLeft": releases.count > Self.rowsMax
                ? "and \(releases.count - Self.rowsMax) more: slipway release status" : "",
        ]
    }

    private func row(_ view: LifecycleView) -> [String: Any] {
        let open = view.deviations.count { $0.resolution == nil }
        return [
            "release": view.release.description, "link": ReleasePanel.link(view.release),
            "stage": ReleasePanel.words(view.stage), "tone": ReleasePanel.tone(view.stage),
            "words": ConsoleWords.plain(view.words),
            "taken": (taken[view.release] ?? []).map { ["text": $0] },
            "checklist": "\(view.checklist.count(where: \.isMet)) of \(view.checklist.count)",
            "open": open == 0 ? "–" : "\(open)",
            "review": view.isReviewOverdue
                ? "OVERDUE" : view.reviewDueAt.map { "due \(ConsoleWords.moment($0))" } ?? "",
        ]
    }
}

/// One release with all that was put down about it.
struct ReleasePanel: RecordContent {
    private static let way: [LifecycleStage] = [
        .planned, .built, .validated, .authorised, .scheduled, .deploying, .earlyLifeSupport, .operational, .reviewed,
        .closed,
    ]

    let view: LifecycleView
    let documents: [ReleaseDocumentView]
    let review: ReleaseReviewView
    /// nil: it is planned, not submitted.
    var release: ReleaseView?
    /// Beside the record: the plan, the hosts, the build.
    var others: [ListTable] = []

    static func link(_ release: ReleaseName) -> String {
        "/console/releases/\(release.product)/\(release.version.text.percentEncoded)"
    }

    static func words(_ stage: LifecycleStage) -> String {
        switch stage {
        case .earlyLifeSupport: "early life support"
        case .backedOut: "backed out"
        default: stage.rawValue
        }
    }

    static func tone(_ stage: LifecycleStage) -> String {
        switch stage {
        case .operational, .reviewed, .closed: "succeeded"
        case .deploying, .earlyLifeSupport: "moving"
        case .backedOut: "backedOut"
        case .declined, .withdrawn: "failed"
        default: "waiting"
        }
    }

    var model: [String: Any] {
        let met = view.checklist.count(where: \.isMet)
        let open = view.deviations.count { $0.resolution == nil }
        // One thing that is missing answers many questions: what to do about it is said once.
        var said = Set(view.gates.compactMap(\.remedy))
        let checklist = view.checklist.map { item($0, said: &said) }
        return [
            "isRelease": true, "product": view.release.product.text, "version": view.release.version.text,
            "environment": view.environment.text, "stage": Self.words(view.stage), "tone": Self.tone(view.stage),
            "summary": view.plan?.summary ?? "", "words": ConsoleWords.plain(view.words), "steps": steps,
            "taken": (release.map(Self.taken) ?? []).map { ["text": $0] },
            "hasGates": !view.gates.isEmpty, "gates": view.gates.map(gate),
            "checklistSummary": "\(met) of \(view.checklist.count) answered well",
            "checklist": checklist, "hasDocuments": !documents.isEmpty,
            "documents": documents.map(document), "hasKnownErrors": !view.knownErrors.isEmpty,
            "knownErrors": view.knownErrors.map { ["text": $0.text, "workaround": $0.workaround] },
            "hasDeviations": !view.deviations.isEmpty,
            "deviationsSummary": open == 0 ? "none is open" : "\(open) open",
            "deviations": view.deviations.map(deviation),
            "hasEvidence": !view.evidence.isEmpty, "evidence": view.evidence.map(evidence),
            "reviewSummary": "\(review.filled) of \(review.fields.count) filled from what happened",
            "review": review.fields.map(field), "tables": tables.map(\.model),
        ]
    }

    /// Where nobody installs it any more: what whoever opens the page must see first.
    static func taken(_ release: ReleaseView) -> [String] {
        release.environments.compactMap { one in
            if let at = one.withdrawnAt { return "Withdrawn from \(one.environment) at \(ConsoleWords.moment(at))" }
            return one.revocation.map { "Revoked in \(one.environment) by \(ConsoleWords.person($0.by)): \($0.reason)" }
        }
    }

    /// What was built, and where it may be installed.
    private var tables: [ListTable] {
        guard let release else { return others }
        let approved = release.environments.map { one in
            [
                one.environment.text, ConsoleWords.moment(one.approvedAt),
                one.withdrawnAt.map { "withdrawn \(ConsoleWords.moment($0))" }
                    ?? one.revocation.map { "revoked: \($0.reason)" } ?? "may be installed",
            ]
        }
        return others + [
            ListTable(
                heading: "Units",
                note: "manifest \(release.manifest.short)…, submitted by \(ConsoleWords.person(release.submittedBy))",
                columns: ["Unit", "Installed to", "Paths", "Size"],
                rows: release.units.map { [$0.fileName, $0.installTo, String($0.files), $0.size.description] }),
            ListTable(
                heading: "Environments", columns: ["Environment", "Approved", "Now"],
                rows: approved
                    + release.waiting.map { [$0.environment.text, "\($0.votes) of \($0.threshold)", "waits"] }),
        ]
    }

    private var steps: [[String: Any]] {
        // A stage that was passed in the same moment as the next has no time of its own.
        let reached = Self.way.lastIndex { stage in stage == view.stage || view.history.contains { $0.stage == stage } }
        let aside = Self.way.contains(view.stage) || view.stage == .unplanned ? [] : [view.stage]
        return (Self.way + aside).enumerated().map { place, stage in
            let at = view.history.last { $0.stage == stage }?.at
            let isCurrent = stage == view.stage
            return [
                "name": Self.words(stage), "isCurrent": isCurrent, "hasTime": at != nil,
                "class": isCurrent ? "current" : place <= (reached ?? -1) ? "past" : "ahead",
                "at": at?.description ?? "",
                "moment": at.map(ConsoleWords.moment) ?? "",
            ]
        }
    }

    private func gate(_ gate: LifecycleGate) -> [String: Any] {
        mark(gate.isMet).merging([
            "name": gate.name, "found": ConsoleWords.plain(gate.found), "hasRemedy": gate.remedy != nil,
            "remedy": gate.remedy ?? "",
        ]) { first, _ in first }
    }

    private func mark(_ isGood: Bool) -> [String: Any] {
        ["tone": isGood ? "succeeded" : "backedOut", "sign": isGood ? "✓" : "○"]
    }

    private func item(_ item: ChecklistItem, said: inout Set<String>) -> [String: Any] {
        let gates = item.gates.map { one in
            var one = one
            if let remedy = one.remedy, !said.insert(remedy).inserted { one.remedy = nil }
            return gate(one)
        }
        return mark(item.isMet).merging([
            "question": Self.words(item.question), "answer": item.isMet ? "yes" : "not yet",
            "gates": gates,
        ]) { first, _ in first }
    }

    private static func words(_ question: ChecklistQuestion) -> String {
        switch question {
        case .planApproved: "Plan approved"
        case .packageValidated: "Package built and validated"
        case .testResults: "Test results"
        case .backOutTested: "Back-out documented and tested"
        case .communicationSent: "Communication sent"
        case .backupsVerified: "Backups taken and verified"
        case .configurationRecorded: "CMDB update pending"
        case .earlyLifeScheduled: "Early life support scheduled"
        }
    }

    private func document(_ document: ReleaseDocumentView) -> [String: Any] {
        let path = document.path.split(separator: "/").map(\.percentEncoded).joined(separator: "/")
        return [
            "path": document.path, "length": document.length.description,
            "link": "\(Self.link(view.release))/documents/\(path)",
        ]
    }

    private func deviation(_ one: Deviation) -> [String: Any] {
        mark(one.resolution != nil).merging([
            "id": one.id, "kind": one.kind.rawValue, "text": one.text, "owner": one.owner,
            "action": one.resolution.map { "\($0.action) (\($0.by))" } ?? "open",
        ]) { first, _ in first }
    }

    private func evidence(_ one: EvidenceRecord) -> [String: Any] {
        [
            "kind": one.kind.rawValue, "about": one.about ?? "", "says": ConsoleWords.plain(one.summary.words),
            "by": ConsoleWords.person(one.by),
            "at": ConsoleWords.moment(one.statedAt),
        ]
    }

    private func field(_ field: ReleaseReviewView.Field) -> [String: Any] {
        [
            "name": field.name, "planned": ConsoleWords.plain(field.planned ?? ""),
            "actual": ConsoleWords.plain(field.actual ?? "(to be said)"),
            "kept": field.isKept.map { $0 ? "✓ yes" : "✕ no" } ?? "",
            "tone": field.isKept == false ? "failed" : "succeeded",
        ]
    }
}

/// One document of a package.
struct DocumentPanel: RecordContent {
    let release: ReleaseName
    let path: String
    let bytes: [UInt8]

    var model: [String: Any] {
        [
            "isDocument": true, "release": release.description, "back": ReleasePanel.link(release), "path": path,
            "text": String(validating: bytes, as: UTF8.self)
                ?? "It is not text. slipway release docs \(release) \(path) writes it out.",
        ]
    }
}
