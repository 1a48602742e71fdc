import ArgumentParser
import Effects
import ReleaseDefinition

struct UnlockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Take orders for a product again, after a back-out of it failed and a person has looked at the host.",
        discussion: "The agent must be stopped. Its services go on meanwhile.")

    @Argument(help: "The product.")
    var product: String

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let product = try ProductName(product)
        let folder = try AgentFolder.open(dir)
        guard let lock = try folder.base.lock() else {
            throw AgentError(
                code: "busy", summary: "An agent runs with the folder \(dir).",
                remedy: "Stop it first (`systemctl stop slipway-agent`), then unlock and start it again.")
        }
        defer { lock.release() }
        // Looked at first: opening it would move a damaged one aside, which is the agent's to do.
        let bytes = try folder.base.readIfPresent(Journal.fileName, sizeMax: Journal.sizeMax) ?? []
        guard !JournalReading(bytes).hasGap else {
            throw AgentError(
                code: "journal.damaged", summary: "The journal of \(dir) is damaged.",
                remedy: "Start the agent: it keeps the file and rebuilds its state from the disk.")
        }
        let (journal, entries) = try Journal.open(in: folder.base)
        var state = HostState()
        for entry in entries { state.apply(entry) }
        guard let order = state.record(of: product).lockedBy else {
            throw AgentError(
                code: "notFound", summary: "\(product) is not locked on this host.", remedy: "Nothing is to be done.")
        }
        try journal.append(JournalEntry(at: SystemTime().now(), changes: [.unlocked(product: product)]))
        try Output.answer(
            UnlockedProduct(product: product, lockedBy: order), output,
            words: "\(product) was locked by \(order) and takes orders again")
    }
}

struct UnlockedProduct: Codable {
    var product: ProductName
    /// The order whose way back had failed.
    var lockedBy: OrderID
}
