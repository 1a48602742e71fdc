import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "The rules that releases and rollouts must keep: policy.yaml.",
        subcommands: [
            PolicyCheckCommand.self, PolicyApplyCommand.self, PolicyShowCommand.self, PolicyHistoryCommand.self,
            PolicyOverrideCommand.self,
        ])
}

struct PolicyApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Put a policy in force. It is kept for ever as a numbered version.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "A policy.yaml.")
    var file: String

    @Option(help: "Why it changes; it stands in the log.")
    var reason: String

    @Option(help: "The number of the version that it changes: refused where another is in force by now.")
    var over: Int?

    func validate() throws {
        if let over, over < 1 { throw ValidationError("--over must be 1 or more, not \(over).") }
    }

    func run() async throws {
        let (_, text) = try PolicyText.read(file)
        let view = try await connection.withClient { client in
            try await PolicyText.named(file) {
                try await client.applyPolicy(PolicyRequest(text: text, reason: reason), over: over)
            }
        }
        try output.print(PolicyPresentation(policy: view))
    }
}

struct PolicyShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print the text of the policy in force, or of an older version.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "The number of a version, as policy history lists them.")
    var version: Int?

    func validate() throws {
        if let version, version < 1 { throw ValidationError("--version must be 1 or more, not \(version).") }
    }

    func run() async throws {
        let view = try await connection.withClient { try await $0.policy(version) }
        guard output.output == .table else { return try output.print(PolicyPresentation(policy: view)) }
        Talk.say("Version \(view.version), in force since \(view.appliedAt) by \(view.appliedBy): \(view.reason)")
        try StandardOutput.write(view.text.hasSuffix("\n") ? view.text : view.text + "\n")
    }
}

struct PolicyHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List the versions of the policy, and with --overrides who set rules aside.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "The overrides instead of the versions.")
    var overrides = false

    func run() async throws {
        if overrides {
            let views = try await connection.withClient { try await $0.policyOverrides() }
            return try output.print(views.map { OverridePresentation(override: $0) })
        }
        let views = try await connection.withClient { try await $0.policies() }
        try output.print(views.map { PolicyPresentation(policy: $0) })
    }
}

struct PolicyOverrideCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "override", abstract: "Set rules aside for one release in one environment, with a reason.",
        discussion: "The policy says who may: overrides: { window: [releaseManager] }. It stands in the log for ever.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "PRODUCT@VERSION.", completion: .releases, transform: { try ReleaseName($0) })
    var release: ReleaseName

    @Option(help: "The environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName

    @Option(name: .customLong("rule"), help: "A rule, as a refusal names it; may be given again.")
    var rules: [PolicyRule]

    @Option(help: "Why it cannot wait.")
    var reason: String

    @Option(help: "For how long, as 2h; 7d at most.", transform: { try TimeSpan($0) })
    var valid = TimeSpan.hours(1)

    func run() async throws {
        let request = PolicyOverrideRequest(
            release: release, environment: environment, rules: rules, reason: reason, valid: valid)
        let view = try await connection.withClient { try await $0.overridePolicy(request) }
        try output.print(OverridePresentation(override: view))
    }
}

extension PolicyRule: ExpressibleByArgument {}

struct PolicyPresentation: Presentable {
    var policy: PolicyView

    static let columns = ["VERSION", "SINCE", "BY", "REASON"]
    var cells: [String] { [name, policy.appliedAt.description, policy.appliedBy, policy.reason] }
    var name: String { String(policy.version) }
    func encode(to encoder: any Encoder) throws { try policy.encode(to: encoder) }
}

struct OverridePresentation: Presentable {
    var override: PolicyOverrideView

    static let columns = ["RELEASE", "ENVIRONMENT", "RULES", "UNTIL", "BY", "REASON"]
    var cells: [String] {
        [
            override.release.description, override.environment.text,
            override.rules.map(\.rawValue).joined(separator: ", "), override.until.description, override.by,
            override.reason,
        ]
    }
    var name: String { override.release.description }
    func encode(to encoder: any Encoder) throws { try override.encode(to: encoder) }
}
