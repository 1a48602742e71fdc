import ControllerAPI
import ReleaseDefinition
import ReleasePackaging

/// The tables of a release's page: what was planned and who answers for it, how it was built, whether the hosts could take
/// it, and what was carried away by hand.
enum ReleaseTables {
    static func plan(_ view: LifecycleView) -> [ListTable] {
        guard let plan = view.plan else { return [] }
        return [changes(plan), people(plan, view), terms(plan)] + risks(plan)
    }

    private static func changes(_ plan: ReleasePlan) -> ListTable {
        ListTable(
            heading: "Changes", note: "\(plan.changes.count.of("authorised change")) in one release",
            columns: ["Change", "What", "Risk", "Who notices", "Committed"],
            rows: plan.changes.map {
                [
                    $0.id, $0.summary, $0.risk.rawValue, $0.affects.joined(separator: ", "),
                    $0.committedAt.map(ConsoleWords.moment) ?? "",
                ]
            })
    }

    /// Roles, and each stage of the chain with what was said.
    private static func people(_ plan: ReleasePlan, _ view: LifecycleView) -> ListTable {
        let gates = view.checklist.first { $0.question == .planApproved }?.gates ?? []
        let stages = plan.approvals.map { stage in
            [
                "approves: \(stage.stage)", stage.by.isEmpty ? "whoever may approve" : stage.by.joined(separator: ", "),
                gates.first { $0.name == "approval.\(stage.stage)" }?.found ?? "",
            ]
        }
        let handOver = plan.earlyLife.map { [["takes it over", $0.handOverTo, "after early life support"]] } ?? []
        return ListTable(
            heading: "Who is who", columns: ["Role", "People", "Note"],
            rows: [["owner", plan.owner, ""]]
                + plan.roles.map { [words($0.role), $0.people.joined(separator: ", "), ""] }
                + stages + handOver)
    }

    /// `releaseManager` as people say it.
    private static func words(_ role: ReleaseRole) -> String {
        switch role {
        case .releaseManager: "release manager"
        case .deploymentManager: "deployment manager"
        case .buildEngineer: "build engineer"
        case .serviceOwner: "service owner"
        case .approver: "approver"
        case .emergencyAdministrator: "emergency administrator"
        }
    }

    private static func terms(_ plan: ReleasePlan) -> ListTable {
        let backups =
            switch plan.backups {
            case .verified: "verified"
            case .notNeeded(let why): "not needed: \(why)"
            }
        let rows: [(String, String?)] = [
            ("category", "\(plan.category.rawValue), \(plan.type.rawValue)"), ("strategy", plan.strategy.rawValue),
            (
                "schedule",
                plan.schedule.map { "\(ConsoleWords.moment($0.from)) until \(ConsoleWords.moment($0.until))" }
            ),
            ("back-out", plan.backOut.map { "as in \($0.document), decided by \($0.decides)" }),
            ("backups", backups), ("early life support", plan.earlyLife.map(words)),
            ("audience", list(plan.audience.map { $0.training == .required ? "\($0.group) (trained)" : $0.group })),
            ("told", list(plan.communication.map { "\($0.event.rawValue): \($0.to.joined(separator: ", "))" })),
            ("contracts", list(plan.contracts.map { "\($0.name): \($0.change.rawValue)" })),
        ]
        return ListTable(
            heading: "Plan", columns: ["What", "Planned"], rows: rows.compactMap { row in row.1.map { [row.0, $0] } })
    }

    private static func words(_ support: EarlyLifePlan) -> String {
        let health = support.health ?? EarlyLifePlan.healthDefault
        let every = support.every ?? EarlyLifePlan.everyDefault
        let gates = (support.gates ?? []).map(\.text)
        return "\(support.span), health every \(health), files every \(every)"
            + (gates.isEmpty ? "" : ", gates \(gates.joined(separator: ", "))")
            + (support.exit.isEmpty ? "" : "; ends when: \(support.exit.joined(separator: ", "))")
    }

    private static func list(_ words: [String]) -> String? { words.isEmpty ? nil : words.joined(separator: "; ") }

    private static func risks(_ plan: ReleasePlan) -> [ListTable] {
        guard !plan.risks.isEmpty else { return [] }
        return [
            ListTable(
                heading: "Planned risks", columns: ["Risk", "Likelihood", "Impact", "Mitigation", "Owner"],
                rows: plan.risks.map {
                    [$0.risk, $0.likelihood.rawValue, $0.impact.rawValue, $0.mitigation, $0.owner]
                })
        ]
    }

    /// So that the build can be repeated: the same input gives the same bytes.
    static func build(_ record: BuildRecord) -> ListTable {
        let inputs = record.inputs.map { input in
            [
                "input \(input.unit.map { "of \($0)" } ?? "of all")",
                "\(input.path), \(input.kind)" + (input.archive.map { " \($0.sha256.hex)" } ?? ""),
            ]
        }
        return ListTable(
            heading: "How it was built", note: "the same input gives the same bytes: slipway package build",
            columns: ["What", "Value"],
            rows: [
                ["definition", record.definition.hex],
                ["compressor", "\(record.compressor), level \(record.compressionLevel), cut by \(record.cut)"],
                ["date of every file", ConsoleWords.moment(record.sourceDate)],
            ] + inputs)
    }

    /// Those that need somebody first.
    static func hosts(_ view: PreflightView) -> ListTable {
        func rank(_ host: PreflightHostView) -> Int {
            if host.isBlocked { return 0 }
            return host.findings.contains { $0.weight == .warns } ? 1 : host.findings.isEmpty ? 3 : 2
        }
        let words = ["no", "with a warning", "not known", "yes"]
        let ranked = view.hosts.map { (rank: rank($0), host: $0) }.sorted {
            ($0.rank, $0.host.host) < ($1.rank, $1.host.host)
        }
        return ListTable(
            heading: "Are the hosts ready?",
            note: "\(ranked.count { $0.rank > 0 }) of \(ranked.count.of("host")) in \(view.environment) could take it, "
                + "as they said last; slipway rollout preflight asks them",
            columns: ["Host", "Ready", "Why not", "Said"],
            rows: ranked.map { one in
                [
                    one.host.host.text, words[one.rank],
                    one.host.findings.map { "\($0.check.rawValue) \($0.weight.rawValue): \($0.detail)" }
                        .joined(separator: " "),
                    one.host.factsAt.map(ConsoleWords.moment) ?? "never",
                ]
            }, links: [0: "/console/hosts/"])
    }
}

extension Controller {
    /// What the page shows beside the record.
    func releaseTables(_ view: LifecycleView) -> [ListTable] {
        let name = view.release
        let manifest = state.releases[name] == nil ? nil : manifest(of: name)
        return ReleaseTables.plan(view) + dependencyTable(name, in: view.environment) + hostTable(view)
            + (manifest.map { [ReleaseTables.build($0.build)] } ?? []) + exportTable(name)
    }

    private func dependencyTable(_ name: ReleaseName, in environment: EnvironmentName) -> [ListTable] {
        let requires = state.releases[name]?.submitted.requires ?? []
        guard !requires.isEmpty else { return [] }
        let hosts = state.hostsInOrder.filter { $0.environment == environment && $0.identity.standing.isActive }
        return [
            ListTable(
                heading: "What it needs", note: "on each host, before it is deployed there",
                columns: ["Product", "Version", "Hosts in \(environment) that run it", "Hosts that do not"],
                rows: requires.map { need in
                    let missing = hosts.filter { host in
                        host.running[need.product].map { !need.version.contains($0.release.version) } ?? true
                    }
                    let named = missing.prefix(5).map(\.id.text).joined(separator: ", ")
                    return [
                        need.product.text, "\(need.version)", "\(hosts.count - missing.count) of \(hosts.count)",
                        missing.count > 5 ? "\(named) and \(missing.count - 5) more" : named,
                    ]
                })
        ]
    }

    /// Until the release is there, what its hosts would say to it.
    private func hostTable(_ view: LifecycleView) -> [ListTable] {
        switch view.stage {
        case .unplanned, .planned, .built, .validated, .authorised, .scheduled, .deploying: break
        case .earlyLifeSupport, .operational, .reviewed, .closed, .backedOut, .declined, .withdrawn: return []
        }
        let definition = RolloutDefinition(release: view.release, environment: view.environment, strategy: .bigBang)
        guard state.releases[view.release] != nil, let sweep = try? preflightView(definition), !sweep.hosts.isEmpty
        else { return [] }
        return [ReleaseTables.hosts(sweep)]
    }

    private func exportTable(_ name: ReleaseName) -> [ListTable] {
        guard let exports = state.exports[name], !exports.isEmpty else { return [] }
        return [
            ListTable(
                heading: "Carried by hand",
                note: "slipway release export wrote these; slipway-agent install takes them",
                columns: ["For", "Valid until", "Written", "By", "There now"],
                rows: exports.reversed().map { one in
                    let running = one.event.host.flatMap { state.hosts[$0]?.running[name.product]?.release }
                    return [
                        one.event.host.map { "host \($0)" } ?? one.event.channel.map { "channel \($0)" } ?? "",
                        ConsoleWords.moment(one.event.validUntil), ConsoleWords.moment(one.at), one.by,
                        one.event.host == nil ? "" : running.map { "it runs \($0)" } ?? "no receipt yet",
                    ]
                })
        ]
    }
}
