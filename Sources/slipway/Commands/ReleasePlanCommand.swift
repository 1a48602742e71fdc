import ArgumentParser
import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition

struct ReleasePlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Put the plan of a release on record, or print one to begin with.",
        discussion: """
            FILE is a release-plan.yaml: changes, audience, risks, approvals, schedule, back-out, early life support, the \
            evidence that is asked for (docs/lifecycle.md). With --template a plan of that category is printed, with \
            everything to fill in. Without a controller FILE is only checked.
            """)

    @OptionGroup var connection: OfflineConnection
    @OptionGroup var output: OutputOptions

    @Argument(help: "A release-plan.yaml.")
    var file: String?

    @Option(help: "Print a plan of this category instead.")
    var template: ReleaseCategory?

    @Option(
        name: .customLong("release"), help: "With --template: the release it is of.", transform: { try ReleaseName($0) }
    )
    var release: ReleaseName?

    func validate() throws {
        guard (file == nil) != (template == nil) else {
            throw ValidationError("Say one of the two: a FILE, or --template with a category.")
        }
        guard release == nil || template != nil else { throw ValidationError("--release goes with --template.") }
    }

    func run() async throws {
        if let template {
            return try StandardOutput.write(PlanTemplate.text(template, release: release))
        }
        guard let file else { return }
        let bytes = try InputFile.read(file, sizeMax: ByteCount(ReleasePlanFile.bytesMax))
        let plan = try ReleasePlanFile.parse(bytes, file: file)
        guard connection.isKnown else {
            return Talk.say(
                "\(file) is well-formed: \(plan.release), \(plan.category.rawValue), \(plan.changes.count.of("change"))."
            )
        }
        let request = ReleasePlanRequest(text: String(decoding: bytes, as: UTF8.self))
        let view = try await connection.withClient { try await $0.plan(plan.release, request) }
        try output.print(LifecyclePresentation(lifecycle: view))
    }
}

extension ReleaseCategory: ExpressibleByArgument {}

/// What a plan of each category begins with.
enum PlanTemplate {
    static func text(_ category: ReleaseCategory, release: ReleaseName?) -> String {
        let name = release?.description ?? "web@\(category == .major ? "2.0" : category == .minor ? "1.3" : "1.2.4")"
        let head = """
            # What the release brings to whom, when, by whose leave. docs/lifecycle.md explains every key.
            release: \(name)
            category: \(category.rawValue)
            environment: production
            summary: WHAT IT BRINGS
            owner: web-team
            type: \(category == .emergency ? "emergency" : "normal")
            roles: { releaseManager: [ann], deploymentManager: [bob], serviceOwner: [cyd] }
            changes:
              - { id: CHG-1, summary: WHAT CHANGES, risk: \(category == .minor ? "low" : "medium"), affects: [shop], committed: "2026-11-20T09:12:00Z" }

            """
        switch category {
        case .major, .minor: return head + ordinary(category)
        case .emergency: return head + emergency
        }
    }

    private static func ordinary(_ category: ReleaseCategory) -> String {
        let isMajor = category == .major
        return """
            audience:
              - { group: shop staff, training: \(isMajor ? "required" : "none") }
            risks:
              - { risk: WHAT MAY HAPPEN, likelihood: low, impact: medium, mitigation: WHAT IS DONE ABOUT IT, owner: ann }
            approvals:
              - { stage: service owner, count: 1, valid: 7d }
              - { stage: change board, count: \(isMajor ? 2 : 1), valid: 7d }
            strategy: phased
            schedule: { from: "2026-11-24T20:00:00Z", until: "2026-11-24T23:00:00Z" }
            criteria:
              - { phase: pilot, pass: no error in the log for an hour, fail: any host backs out }
              - { phase: every other, pass: error rate as before, fail: more than 5 % of the hosts fail }
            communication:
              - { event: scheduled, to: [shop staff] }
              - { event: live, to: [shop staff, service desk] }
              - { event: operational, to: [shop staff, service desk] }
            backOut: { document: docs/back-out.md, decides: bob }
            backups: verified
            earlyLife: { for: \(isMajor ? "7d" : "24h"), exit: [no open issue, error rate as before], handOverTo: service desk }
            targets: { leadTime: \(isMajor ? "30d" : "7d"), duration: 2h, restore: 15m, failures: 0 }
            contracts:
              - { name: SLA shop, change: unchanged }
            evidence:
              - { kind: tests, failures: 0 }
              - { kind: scan, worst: warning, within: 7d }
              - { kind: rehearsal, within: 7d }
            \(isMajor ? "  - { kind: billOfMaterials }\n  - { kind: provenance }\n  - { kind: signOff, about: serviceOwner }\n" : "")
            """
    }

    private static let emergency = """
        audience:
          - { group: shop staff, training: none }
        risks:
          - { risk: WHAT MAY HAPPEN, likelihood: medium, impact: medium, mitigation: WHAT IS DONE ABOUT IT, owner: ann }
        approvals:
          - { stage: emergency board, count: 1, valid: 4h }
        strategy: bigBang
        criteria:
          - { phase: everyone, pass: what was wrong is gone, fail: any host backs out }
        communication:
          - { event: started, to: [service desk] }
          - { event: live, to: [shop staff, service desk] }
        backOut: { document: docs/back-out.md, decides: bob }
        backups: { notNeeded: the fix changes no data }
        earlyLife: { for: 3d, exit: [the incident is closed], handOverTo: service desk }
        targets: { leadTime: 4h, duration: 15m, restore: 5m, failures: 0 }
        contracts: []
        evidence:
          - { kind: tests, failures: 0 }

        """
}
