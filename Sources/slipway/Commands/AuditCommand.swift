import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who decided what, when: the controller's log.",
        subcommands: [AuditListCommand.self, AuditVerifyCommand.self])
}

struct AuditListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List entries of the log, the oldest first.",
        discussion: "What a person asked for stands before what came of it, and a refusal stands there too.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Only entries after this one.")
    var after: Int64 = 0

    @Option(help: "At most so many.")
    var limit = 100

    func validate() throws {
        guard after >= 0, limit > 0 else { throw ValidationError("--after is 0 or more, --limit 1 or more.") }
    }

    func run() async throws {
        let (after, limit) = (after, limit)
        let entries = try await connection.withClient { client in
            var entries: [AuditEntryView] = []
            while entries.count < limit {
                let more = try await client.audit(
                    after: entries.last?.sequence ?? after, limit: min(1000, limit - entries.count))
                if more.isEmpty { break }
                entries += more
            }
            return entries
        }
        try output.print(entries.map(AuditRow.init))
    }
}

struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Let the controller read its whole log again and check the chain of entries.",
        discussion: """
            Prints the last entry's number and digest. Keep them: a log that was cut or written anew later does not lead \
            to the same digest at this number.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try output.print(AuditHeadPresentation(head: try await connection.withClient { try await $0.auditHead() }))
    }
}

private struct AuditRow: Presentable {
    var entry: AuditEntryView

    static let columns = ["ENTRY", "AT", "BY", "ACTION", "OBJECT"]
    var cells: [String] {
        ["\(entry.sequence)", entry.at.description, entry.actor, entry.action, entry.object]
    }
    var name: String { "\(entry.sequence)" }
    func encode(to encoder: any Encoder) throws { try entry.encode(to: encoder) }
}

private struct AuditHeadPresentation: Presentable {
    var head: AuditHead

    static let columns = ["ENTRIES", "DIGEST"]
    var cells: [String] { ["\(head.sequence)", head.digest.hex] }
    var name: String { head.digest.hex }
    func encode(to encoder: any Encoder) throws { try head.encode(to: encoder) }
}
