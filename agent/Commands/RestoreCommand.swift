import AgentProtocol
import ArgumentParser
import Effects
import ReleaseDefinition

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "List the backups of a product, or put the newest one of a unit back, losing what was written since.",
        discussion: """
            The agent restores by itself only before the host takes traffic again. Later a person decides, who is shown how \
            old the backup is and says so with --yes. The agent must be stopped, and the service too.
            """)

    @Argument(help: "The product.")
    var product: String

    @Option(help: "Whose backup is put back.")
    var unit: String?

    @Flag(help: "Put it back.")
    var yes = false

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let product = try ProductName(product)
        let folder = try AgentFolder.open(dir)
        let configuration = try AgentConfiguration.read(in: folder.base)
        let time = SystemTime()
        let backups = Backups(folder: folder, root: configuration.root, now: { time.now() })
        let found = try backups.all(of: product)
        guard let unit else { return try list(found, at: time.now()) }
        guard let backup = found.first(where: { $0.unit.text == unit }) else {
            throw AgentError(
                code: "notFound", summary: "There is no backup of \(product).\(unit).",
                remedy: "slipway-agent restore \(product) lists what there is.")
        }
        let age = time.now().since(backup.takenAt)
        guard yes else {
            throw AgentError(
                code: "restore.unconfirmed",
                summary:
                    "The backup of \(product).\(unit) is \(age) old (\(backup.takenAt.wholeSeconds)): what was written "
                    + "to \(backup.paths.map(\.path).joined(separator: ", ")) since would be lost.",
                remedy: "Stop the service and the agent, then say it again with --yes.")
        }
        guard let lock = try folder.base.lock() else {
            throw AgentError(
                code: "busy", summary: "An agent runs with the folder \(dir).",
                remedy: "Stop it first (`systemctl stop slipway-agent`).")
        }
        defer { lock.release() }
        try backups.restore(backup)
        try Output.answer([backup], output, words: "\(product).\(unit) is as it was \(age) ago")
    }

    private func list(_ found: [Backup], at now: UTCInstant) throws {
        if output == .json { return try Output.data(JSONCoding.value(of: found).prettyBytes) }
        var rows = [["UNIT", "TAKEN", "AGE", "SIZE", "BEFORE", "PATHS"]]
        for one in found {
            rows.append([
                "\(one.product).\(one.unit)", "\(one.takenAt.wholeSeconds)", "\(now.since(one.takenAt))", "\(one.size)",
                one.order.description, one.paths.map(\.path).joined(separator: " "),
            ])
        }
        try Output.data(Array(Output.table(rows).utf8))
    }
}
