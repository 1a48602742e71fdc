import ArgumentParser
import ControllerAPI
import Effects
import ReleaseDefinition
import ReleaseRollout
import ReleaseTrust

struct RolloutPlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Freeze a rollout before its start: who is in which phase, and its digest.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @OptionGroup var rollout: RolloutFileOptions

    func run() async throws {
        let definition = try rollout.definition()
        let plan = try await connection.withClient { try await $0.plan(definition) }
        try output.print(RolloutPlanPresentation(plan: plan))
    }
}

struct RolloutAuthoriseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authorise", abstract: "Look at a frozen plan, and say yes to it with your key.",
        discussion: """
            Another act than approving a package: it says that exactly this rollout may start, until the end of the window \
            that is open or opens next; without windows, within seven days. The controller asks for it in the profile regulated. What the plan would install is looked up in the metadata \
            that you trust, as in slipway release approve.
            """)

    @OptionGroup var signing: SigningOptions
    @OptionGroup var output: OutputOptions

    @Argument(
        help: "The plan's digest, as rollout plan or a refused start names it.",
        transform: { try SHA256Digest(hex: $0) })
    var plan: SHA256Digest

    @Option(
        help: "How long it may still start, as 2d; to the end of the window, or 7d, at most and unless given.",
        transform: { try TimeSpan($0) })
    var valid: TimeSpan?

    func run() async throws {
        let digest = plan
        let keys = try signing.keyFile.keys(noInput: signing.confirming.noInput)
        let view = try await signing.connection.withClient { client in
            let folder = try signing.trust.open(client)
            let view = try await client.plan(digest)
            guard SHA256Digest(of: view.plan.canonicalBytes) == digest else {
                throw CommandError(
                    code: "plan.digest", summary: "The plan that was sent is not \(digest.short)….",
                    remedy: "Nothing was signed. Find out why the controller says two things.")
            }
            Talk.say(RolloutPlanPresentation(plan: view).details)
            try await Self.requireApproved(view, folder, client)
            try signing.confirming.require("Authorise this rollout?")
            let consent = RolloutConsent(plan: digest, validUntil: try end(of: view))
            let envelope = try DSSEEnvelope.sign(
                try JSONCoding.canonicalBytes(of: consent), type: RolloutConsent.payloadType, keys: keys)
            return try await client.authorise(digest, RolloutAuthorisation(envelope: envelope.json))
        }
        try output.print(RolloutPlanPresentation(plan: view))
    }

    /// - Throws: `command.plan.window`.
    private func end(of view: RolloutPlanView) throws -> UTCInstant {
        let now = SystemTime().now()
        let plan = try JSONCoding.decode(RolloutPlan.self, from: view.plan.wireBytes)
        guard let limit = plan.authorisableUntil(from: now, withoutWindow: RolloutConsent.lifetime) else {
            throw CommandError(
                code: "plan.window", summary: "No window of this plan is left: it can never start.",
                remedy: "Have it planned again with windows that open: slipway rollout plan FILE")
        }
        return min(limit, valid.map { now + $0 } ?? limit)
    }

    /// The plan names the very bytes that approvers signed, by this person's own verification.
    /// - Throws: `command.plan.notApproved`.
    private static func requireApproved(
        _ view: RolloutPlanView, _ folder: Directory, _ client: ControllerClient
    ) async throws {
        let plan = try JSONCoding.decode(RolloutPlan.self, from: view.plan.wireBytes)
        let (release, environment) = (plan.definition.release, plan.definition.environment)
        let place = ApprovalPlace.environment(environment)
        let path = TargetPath.manifest(place, release)
        let trusted = try await TrustedView.refresh(folder, roles: [place.role(of: release.product)], client)
        let approved = try trusted.metadata.target(path)
        guard approved?.sha256 == plan.manifest else {
            throw CommandError(
                code: "plan.notApproved",
                summary:
                    "The plan would install \(release) with manifest \(plan.manifest.short)…; approvers have signed "
                    + "\(approved?.sha256.map { "\($0.short)…" } ?? "no such release") for \(environment).",
                remedy: "Nothing was signed. Find out who planned it; approved releases: slipway release list.")
        }
        Talk.say("\(release) is approved for \(environment) with this manifest, by the metadata that you trust.\n")
    }
}

struct RolloutPlanPresentation: Presentable {
    var plan: RolloutPlanView

    static let columns = ["PLAN", "RELEASE", "ENVIRONMENT", "HOSTS", "AUTHORISED BY", "UNTIL"]
    var cells: [String] {
        [
            plan.digest.hex, plan.release.description, plan.environment.text,
            String(plan.phases.reduce(0) { $0 + $1.count }),
            plan.authorisedBy.isEmpty
                ? (plan.needsAuthorisation ? "nobody yet" : "not needed") : plan.authorisedBy.joined(separator: ", "),
            plan.authorisedUntil?.description ?? "-",
        ]
    }
    var name: String { plan.digest.hex }
    func encode(to encoder: any Encoder) throws { try plan.encode(to: encoder) }

    var details: String {
        let facts = TextTable(
            pairs: zip(Self.columns, cells).map { ($0.lowercased(), $1) } + [
                (
                    "over at the latest",
                    plan.latestEndAt?.description ?? "not known: somebody decides, or no window is left"
                )
            ])
        let hosts = TextTable(
            ["PHASE", "ORDER", "HOST", "DELIVERY", "NOW", "THEN", "EARLIEST START", "BACK-OUT TO", "DISK", "MISSING"],
            plan.hosts.map {
                [
                    String($0.phase), String($0.order), $0.host.text, $0.delivery.rawValue,
                    $0.now?.description ?? "nothing",
                    $0.then.description, $0.earliestStartAt?.description ?? "no window is left",
                    $0.backOutTo ?? "cannot be taken back", $0.diskNeeded?.description ?? "-",
                    $0.missing?.joined(separator: "; ") ?? "-",
                ]
            })
        return [facts.text, hosts.text].joined(separator: "\n") + plan.warnings.map { "warning: \($0)\n" }.joined()
    }
}
