import ControllerAPI
import ReleaseDefinition
import ReleaseTrust

/// What waits for whose yes, what it would change, and the command that says it: a signature is made where the key is, which
/// is never a browser.
struct ApprovalsPage: RecordContent {
    static let address = "/console/approvals"

    struct Waiting: Sendable {
        var title: String
        var badge: String
        /// Who asked, and when.
        var asked: String
        /// How many have said yes, of how many; and who may.
        var standing: String
        var difference: [String]
        var commands: [String]
        var link: String?
    }

    var waiting: [Waiting]

    var model: [String: Any] {
        [
            "isApprovals": true, "hasWaiting": !waiting.isEmpty,
            "waiting": waiting.map { one in
                [
                    "title": one.title, "badge": one.badge, "asked": one.asked, "standing": one.standing,
                    "difference": one.difference.map { ["text": $0] }, "commands": one.commands.map { ["text": $0] },
                    "hasLink": one.link != nil, "link": one.link ?? "",
                ]
            },
        ]
    }

    /// In plain words, what a release is beside the one that runs.
    static func difference(
        _ new: ReleaseView, from old: ReleaseView?, on hosts: Int, in environment: EnvironmentName
    ) -> [String] {
        guard let old else {
            return [
                "It is the first release of \(new.release.product) in \(environment): "
                    + new.units.map { "\($0.fileName) to \($0.installTo)" }.joined(separator: ", ") + "."
            ]
        }
        let places = "\(old.release) runs there on \(hosts.of("host"))."
        guard old.manifest != new.manifest else { return [places, "It is the same release, byte for byte."] }
        let before = Dictionary(old.units.map { ($0.fileName, $0) }, uniquingKeysWith: { first, _ in first })
        let after = Set(new.units.map(\.fileName))
        var lines = new.units.compactMap { unit -> String? in
            guard let was = before[unit.fileName] else {
                return "New: \(unit.fileName) to \(unit.installTo), \(unit.files.of("path")), \(unit.size)."
            }
            guard was.payload != unit.payload || was.installTo != unit.installTo else { return nil }
            let moved =
                was.installTo == unit.installTo ? "" : ", installed to \(unit.installTo) instead of \(was.installTo)"
            return
                "Changed: \(unit.fileName), \(was.files.of("path")) and \(was.size) before, \(unit.files.of("path")) and "
                + "\(unit.size) now\(moved)."
        }
        lines += old.units.filter { !after.contains($0.fileName) }.map { "Gone: \($0.fileName) from \($0.installTo)." }
        let same = new.units.count { before[$0.fileName]?.payload == $0.payload }
        if same > 0 { lines.append("Unchanged: \(same.of("unit")).") }
        return [places] + (lines.isEmpty ? ["The files are the same; what is said about them differs."] : lines)
    }
}

extension Controller {
    func approvalsPage(for person: PersonRecord) -> RecordPage {
        let changes = state.openChanges.filter { mayView($0, person) }.map(waiting)
        return RecordPage(
            person: person.name, now: time.now(), title: "Approvals",
            content: ApprovalsPage(waiting: changes + plansWaiting(for: person) + releasesWaiting(for: person)))
    }

    /// When the release was approved for the place, and who said yes to the plan of this rollout.
    func approvalWords(_ id: RolloutID) -> String? {
        guard let definition = state.rollouts[id]?.plan?.definition else { return nil }
        let approval = state.releases[definition.release]?.approvals.first {
            $0.environment == definition.environment
        }
        let people = state.plans.values.first { $0.plan.id == id }?.authorisations.map(\.holder) ?? []
        let words = [
            approval.map { "release at \(ConsoleWords.moment($0.at))" },
            people.isEmpty ? nil : "this rollout by \(people.joined(separator: ", "))",
        ].compactMap { $0 }
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }

    private func mayView(_ record: ChangeRecord, _ person: PersonRecord) -> Bool {
        let places = [
            record.approval.map { ($0.release.product, $0.place) },
            record.withdrawal.map { ($0.release.product, $0.place) },
        ].compactMap { $0 }
        guard !places.isEmpty else { return person.mayEverywhere(.view) }
        return places.allSatisfy { person.may(.view, on: ScopedObject(product: $0.0, environment: $0.1.environment)) }
    }

    private func waiting(_ record: ChangeRecord) -> ApprovalsPage.Waiting {
        let view = view(record)
        let names = view.standings.flatMap { $0.signers.filter { $0.hasSigned != true }.map(\.name) }
        let missing = Set(names).sorted().joined(separator: ", ")
        var one = ApprovalsPage.Waiting(
            title: view.summary, badge: record.withdrawal == nil ? "approval" : "withdrawal",
            asked: "asked by \(ConsoleWords.person(view.proposedBy)) at \(ConsoleWords.moment(view.proposedAt))"
                + (view.reason.map { ": \($0)" } ?? ""),
            standing: view.standings.isEmpty
                ? "It waits for another change of the same keys." : "\(view.standings.words); not yet: \(missing)",
            difference: [], commands: ["slipway keys sign \(view.id) --key-file FILE"])
        if let approval = record.approval {
            let (name, place) = (approval.release, approval.place)
            one.link = ReleasePanel.link(name)
            one.commands = ["slipway release approve \(name) --environment \(place.word) --key-file FILE"]
            if let release = try? releaseView(name), let environment = place.environment {
                let running = running(name.product, in: environment)
                one.difference =
                    [release.summary].filter { !$0.isEmpty }
                    + ApprovalsPage.difference(
                        release, from: running.flatMap { try? releaseView($0.release) }, on: running?.hosts ?? 0,
                        in: environment)
            }
        } else if let withdrawal = record.withdrawal {
            one.link = ReleasePanel.link(withdrawal.release)
            one.commands = [
                "slipway release approve \(withdrawal.release) --environment \(withdrawal.place.word) --key-file FILE"
            ]
            one.difference = ["No host of \(withdrawal.place.word) may install it again, for good."]
        }
        for blocker in view.waitsFor ?? [] { one.difference.append("First: \(blocker.summary) (\(blocker.id)).") }
        return one
    }

    /// What most hosts of the place run.
    private func running(_ product: ProductName, in environment: EnvironmentName) -> (release: ReleaseName, hosts: Int)?
    {
        let releases = state.hosts.values.filter { $0.environment == environment }.compactMap {
            $0.running[product]?.release
        }
        let counts = Dictionary(grouping: releases, by: { $0 }).mapValues(\.count)
        return counts.max { ($0.value, $0.key.description) < ($1.value, $1.key.description) }.map { ($0.key, $0.value) }
    }

    /// Frozen plans that the policy wants a yes to, as long as they can still be started.
    private func plansWaiting(for person: PersonRecord) -> [ApprovalsPage.Waiting] {
        let now = time.now()
        return state.plans.values.sorted { $0.at > $1.at }.compactMap { planned in
            let definition = planned.plan.definition
            guard authorisableUntil(planned.plan, at: now) != nil, state.rollouts[planned.plan.id] == nil,
                person.may(
                    .view, on: ScopedObject(product: definition.release.product, environment: definition.environment))
            else { return nil }
            let needed = authorisationsNeeded(definition)
            let given = authorisationsThatCount(planned, by: approvers(of: definition))
            // Planned again, and started as that.
            let isOvertaken = state.rollouts.values.contains {
                $0.plan?.definition.release == definition.release
                    && $0.plan?.definition.environment == definition.environment
                    && ($0.startedAt.map { planned.at <= $0 } ?? false)
            }
            guard given < needed, !isOvertaken else { return nil }
            return ApprovalsPage.Waiting(
                title: "Rollout of \(definition.release) to \(definition.environment)", badge: "authorisation",
                asked: "planned by \(ConsoleWords.person(planned.by)) at \(ConsoleWords.moment(planned.at))",
                standing: "\(given) of \(needed) said yes",
                difference: [
                    "\(planned.plan.hosts.count.of("host")) in \(planned.plan.phases.count.of("phase")): "
                        + planned.plan.phases.map { "\($0.name) with \($0.hosts.count)" }.joined(separator: ", ") + "."
                ],
                commands: ["slipway rollout authorise \(planned.digest) --key-file FILE"],
                link: ReleasePanel.link(definition.release))
        }
    }

    /// Stages of a release's chain that nobody has answered.
    private func releasesWaiting(for person: PersonRecord) -> [ApprovalsPage.Waiting] {
        lifecycleViews().compactMap { view in
            guard [.planned, .built, .validated].contains(view.stage),
                person.may(.view, on: ScopedObject(product: view.release.product))
            else { return nil }
            let open = view.gates.filter { !$0.isMet && $0.name.hasPrefix("approval.") }
            guard !open.isEmpty else { return nil }
            return ApprovalsPage.Waiting(
                title: "\(view.release) for \(view.environment)", badge: "release plan", asked: view.words,
                standing: open.map(\.found).joined(separator: "; "),
                difference: [view.plan?.summary ?? ""].filter { !$0.isEmpty },
                commands: open.compactMap(\.remedy), link: ReleasePanel.link(view.release))
        }
    }
}
