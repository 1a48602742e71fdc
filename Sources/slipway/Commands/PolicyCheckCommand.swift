import ArgumentParser
import ControllerAPI
import DefinitionFiles
import Effects
import ReleaseDefinition

struct PolicyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say whether a policy is well-formed, and what it would refuse, line by line.",
        discussion: """
            Without FILE the policy in force is read from the controller; with a controller the file is also checked \
            against its environments and permission sets. --release and --rollout name files that the policy is asked \
            about. Every refusal names policy.yaml:LINE:COLUMN. Ends with 1 where a file is wrong or refused, with 6 \
            where only time or people's consent is missing.
            """)

    @OptionGroup var connection: OfflineConnection
    @OptionGroup var output: OutputOptions

    @Argument(help: "A policy.yaml.")
    var file: String?

    @Option(name: .customLong("release"), help: "A release.yaml: may it be submitted?")
    var releaseFile: String?

    @Option(name: .customLong("rollout"), help: "A rollout.yaml: may it start?")
    var rolloutFile: String?

    @Option(help: "For --release: the environment it is submitted for.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    @Option(
        help: "The moment of the start, as 2026-11-20T09:12:00Z; now, if left out.", transform: { try UTCInstant($0) })
    var at: UTCInstant?

    func validate() throws {
        guard file != nil || connection.isKnown else {
            throw ValidationError("Say which policy: a file, or a controller with --dir DIR or slipway login.")
        }
        guard (releaseFile == nil) == (environment == nil) else {
            throw ValidationError("--release and --environment go together.")
        }
    }

    func run() async throws {
        let (name, policy) = try await policy()
        let zones = try ZoneFolder.rules(of: policy)
        var refusals: [PolicyRefusal] = []
        if let releaseFile, let environment {
            let release = try ReleaseFile.parse(InputFile.read(releaseFile), file: releaseFile)
            let known = try await known(release.product)
            refusals += policy.refusals(
                of: PolicySubmission(
                    release: release.name, category: release.category, environment: environment, known: known))
        }
        if let rolloutFile {
            let rollout = try RolloutText.read(rolloutFile)
            let facts = try await facts(rollout, policy, zones)
            refusals += policy.refusals(of: rollout, facts) + (try await declaredFreezes(rollout, facts.hosts))
        }
        guard refusals.isEmpty else {
            try output.print(refusals.map { RefusalRow(file: name, refusal: $0) })
            let isTime = refusals.allSatisfy {
                [.window, .freeze, .cadence, .authorisations, .after, .overlap].contains($0.rule)
            }
            throw isTime ? ProgramExit.notNow : ProgramExit.failed
        }
        let asked = releaseFile != nil || rolloutFile != nil
        Talk.say(asked ? "\(name) allows it." : "\(name) is well-formed: \(Self.summary(policy)).")
        if output.output != .table { try output.print([RefusalRow]()) }
    }

    private func policy() async throws -> (name: String, ReleasePolicy) {
        guard let file else {
            let view = try await connection.withClient { try await $0.policy() }
            return (PolicyView.fileName, try PolicyFile.parse(Array(view.text.utf8), file: PolicyView.fileName))
        }
        let (policy, text) = try PolicyText.read(file)
        if connection.isKnown {
            _ = try await connection.withClient { client in
                try await PolicyText.named(file) {
                    try await client.checkPolicy(PolicyRequest(text: text, reason: "check"))
                }
            }
        }
        return (file, policy)
    }

    /// Without a controller nothing is known of the past: rules that look back cannot refuse.
    private func known(_ product: ProductName) async throws -> [ReleaseVersion] {
        guard connection.isKnown else { return [] }
        return try await connection.withClient { try await $0.releases() }
            .filter { $0.release.product == product }.map(\.release.version)
    }

    /// Who will have authorised it by then is not known either.
    private func facts(
        _ rollout: RolloutDefinition, _ policy: ReleasePolicy, _ zones: [String: ZoneRules]
    ) async throws -> PolicyFacts {
        let now = at ?? SystemTime().now()
        guard connection.isKnown else {
            return PolicyFacts(
                now: now, rolledOutIn: Set(policy.environments.map(\.name)), authorisations: .max, zones: zones)
        }
        let (hosts, rollouts, releases) = try await connection.withClient {
            (try await $0.hosts(), try await $0.rollouts(), try await $0.releases())
        }
        let meant = hosts.filter {
            $0.environment == rollout.environment && rollout.hosts.matches(id: $0.id, labels: $0.labels)
        }
        let ofProduct = rollouts.filter {
            !$0.isEmergency && $0.environment == rollout.environment && $0.release.product == rollout.release.product
        }
        return PolicyFacts(
            now: now, hosts: meant.map { PolicyHost(id: $0.id, labels: $0.labels) },
            rolledOutIn: Set(
                rollouts.filter { $0.release == rollout.release && $0.state == .succeeded }.map(\.environment)),
            starts: ofProduct.map(\.startedAt), authorisations: .max,
            category: releases.first { $0.release == rollout.release }?.category, zones: zones)
    }

    /// What somebody froze by hand; at any moment that is asked about: nobody knows when it ends.
    private func declaredFreezes(_ rollout: RolloutDefinition, _ hosts: [PolicyHost]) async throws -> [PolicyRefusal] {
        guard connection.isKnown else { return [] }
        let standing = try await connection.withClient { try await $0.freezes() }.filter { freeze in
            freeze.origin == .now && freeze.isStanding
                && (freeze.environments.isEmpty || freeze.environments.contains(rollout.environment))
                && (freeze.product == nil || freeze.product == rollout.release.product)
                && (freeze.hosts == .all || hosts.contains { freeze.hosts.matches(id: $0.id, labels: $0.labels) })
        }
        return standing.map {
            PolicyRefusal(
                rule: .freeze, path: "freeze \($0.id)", place: nil,
                summary: "frozen since \($0.from) by \($0.by): \($0.reason).",
                remedy: "Start it once somebody has lifted it (slipway freeze lift \($0.id) --reason REASON).")
        }
    }

    private static func summary(_ policy: ReleasePolicy) -> String {
        let parts = [
            (policy.environments.count, "environment"), (policy.windows.count, "window"),
            (policy.freezes.count, "freeze"), (policy.gates.count, "gate"),
        ]
        return parts.map { "\($0) \($1)\($0 == 1 ? "" : "s")" }.joined(separator: ", ")
    }
}

private struct RefusalRow: Presentable {
    var file: String
    var refusal: PolicyRefusal

    static let columns = ["WHERE", "RULE", "WHY", "REMEDY"]
    var cells: [String] {
        [
            refusal.place.map { "\(file):\($0.line):\($0.column)" } ?? file, refusal.rule.rawValue,
            "\(refusal.path): \(refusal.summary)", refusal.remedy,
        ]
    }
    var name: String { refusal.rule.rawValue }
    func encode(to encoder: any Encoder) throws { try refusal.encode(to: encoder) }
}
