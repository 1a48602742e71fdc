import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct GrantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grants", abstract: "What people may do, and where.",
        discussion: """
            A grant is a permission set in a place: of one product, in one environment, on the hosts of a query; without \
            any of these, everywhere. An act needs one grant that covers all that it touches.
            """,
        subcommands: [GrantsAddCommand.self, GrantsListCommand.self, GrantsRemoveCommand.self])
}

struct GrantsAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Give a person a permission set.",
        discussion: """
            viewer looks; builder submits; operator deploys and manages hosts; approver approves; serviceOwner submits, \
            deploys and revokes; releaseManager does the same across products; emergency pushes emergencies and revokes; \
            admin does everything.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The person, as alice.")
    var person: String

    @Argument(help: "viewer, builder, operator, approver, serviceOwner, releaseManager, emergency or admin.")
    var permissionSet: PermissionSetWord

    @Option(help: "Only of this product.", transform: { try ProductName($0) })
    var product: ProductName?

    @Option(help: "Only in this environment.", transform: { try EnvironmentName($0) })
    var environment: EnvironmentName?

    @Option(help: "Only on hosts that this query names, as 'zone=a'.", transform: { try HostQuery($0) })
    var hosts: HostQuery?

    func run() async throws {
        let request = GrantRequest(
            person: person, set: permissionSet.rawValue, product: product, environment: environment, hosts: hosts)
        try output.print(GrantRow(grant: try await connection.withClient { try await $0.grant(request) }))
    }
}

/// The sets that the controller knows; it decides what each may do.
enum PermissionSetWord: String, CaseIterable, ExpressibleByArgument {
    case viewer, builder, `operator`, approver, serviceOwner, releaseManager, emergency, admin
}

struct GrantsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List grants by person.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try output.print(try await connection.withClient { try await $0.grants() }.map(GrantRow.init))
    }
}

struct GrantsRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a grant away; prints what the person still has.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The grant's id, as slipway grants list shows it.", transform: { try HostID($0) })
    var grant: HostID

    @Option(help: "Why: it stands in the log.")
    var reason: String

    func run() async throws {
        let (grant, request) = (grant, HostReasonRequest(reason: reason))
        let left = try await connection.withClient { try await $0.removeGrant(grant, request) }
        try output.print(left.items.map(GrantRow.init))
    }
}

private struct GrantRow: Presentable {
    var grant: GrantView

    static let columns = ["ID", "PERSON", "SET", "PRODUCT", "ENVIRONMENT", "HOSTS", "GRANTED", "BY"]
    var cells: [String] {
        [
            grant.id, grant.person, grant.set, grant.product?.text ?? "all", grant.environment?.text ?? "all",
            grant.hosts?.text ?? "all", grant.grantedAt.description, grant.grantedBy,
        ]
    }
    var name: String { grant.id }
    func encode(to encoder: any Encoder) throws { try grant.encode(to: encoder) }
}
