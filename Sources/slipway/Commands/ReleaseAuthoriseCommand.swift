import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseTrust

struct ReleaseAuthoriseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authorise", abstract: "Say yes, or no, to a release's plan in one stage of its approval chain.",
        discussion: """
            What is shown is what is approved: the yes holds for this plan and this package alone, and is void once either \
            is another in anything that matters. A no with --decline is the end of the release. In the profile solo you are \
            who your token says; else --key-file signs.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var keyFile: KeyFileOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var confirming: ConfirmationOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "The stage, as the plan names it.")
    var stage = "release"

    @Option(help: "How long it holds, as 2d; as long as the stage says at most.", transform: { try TimeSpan($0) })
    var valid = TimeSpan.days(7)

    @Option(help: "Say no, with the reason.")
    var decline: String?

    func run() async throws {
        let view = try await connection.withClient { client in
            let view = try await client.lifecycle(release)
            if let decline {
                return try await client.decline(release, ReleaseDeclineRequest(stage: stage, reason: decline))
            }
            guard let plan = view.approvalDigest, let package = view.package else {
                throw CommandError(
                    code: "authorise.absent",
                    summary: "\(release) has \(view.approvalDigest == nil ? "no plan" : "no package").",
                    remedy: view.approvalDigest == nil ? "slipway release plan FILE" : "slipway release submit DIR")
            }
            show(view)
            try confirming.require("Approve the stage \(stage.debugDescription) of \(release)?")
            let consent = ReleaseConsent(
                release: release, stage: stage, plan: plan, package: package, validUntil: SystemTime().now() + valid)
            let envelope =
                keyFile.files.isEmpty
                ? nil
                : try DSSEEnvelope.sign(
                    try JSONCoding.canonicalBytes(of: consent), type: ReleaseConsent.payloadType,
                    keys: keyFile.keys(noInput: confirming.noInput))
            return try await client.authorise(
                release, ReleaseConsentRequest(consent: consent, envelope: envelope?.json))
        }
        try output.print(LifecyclePresentation(lifecycle: view))
    }

    private func show(_ view: LifecycleView) {
        guard let plan = view.plan else { return }
        Talk.say("\(plan.release) (\(plan.category.rawValue)) for \(plan.environment): \(plan.summary)")
        for change in plan.changes {
            Talk.say("  change \(change.id), risk \(change.risk.rawValue): \(change.summary)")
        }
        for risk in plan.risks { Talk.say("  risk: \(risk.risk) — \(risk.mitigation) (\(risk.owner))") }
        for gate in view.gates { Talk.say("  \(gate.isMet ? "✓" : "✗") \(gate.name): \(gate.found)") }
    }
}

struct ReleaseChecklistCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checklist",
        abstract: "The eight questions before a release goes live, each answered from evidence.",
        discussion: "Ends with 6 where something is missing; the remedy names the command that provides it.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let view = try await connection.withClient { try await $0.lifecycle(release) }
        Talk.say("\(release) is \(view.stage.rawValue): \(view.words).")
        try output.print(view.checklist.map(ChecklistPresentation.init))
        guard view.checklist.allSatisfy(\.isMet) else { throw ProgramExit.notNow }
    }
}

struct ReleaseCloseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Close the file of a release, once everything about it is done.",
        discussion: """
            Refused, with everything that is missing, until the review was held, the service was handed over, no deviation \
            is open, every host's files are as they were signed, and log and hosts agree.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    func run() async throws {
        let view = try await connection.withClient { try await $0.close(release) }
        try output.print(LifecyclePresentation(lifecycle: view))
    }
}
