import AgentProtocol
import ArgumentParser
import Effects
import ReleaseDefinition

struct BackOutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "back-out",
        abstract: "Return a product to what this host ran before, by hand and with no network.",
        discussion: """
            The trees on the disk are hashed again, the services stopped and started, health is proved. The agent must be \
            stopped; services go on when this command ends. After a first install, the way back is to what was there \
            before: what was adopted, or nothing.
            """)

    @Argument(help: "The product.")
    var product: String

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() async throws {
        let product = try ProductName(product)
        let (finished, record) = try await LocalAgent.run(dir) { agent in
            (try await agent.backOut(product), await agent.host.record(of: product))
        }
        switch output {
        case .json: try Output.data(JSONCoding.value(of: finished).prettyBytes)
        case .table:
            let running = record.current.map { "runs \($0)" } ?? "nothing of it runs"
            try Output.data(Array("\(finished.release): \(finished.outcome.words); \(running)\n".utf8))
        }
        guard case .backedOut = finished.outcome else {
            throw AgentError(
                code: "backOut.failed", summary: "\(finished.release) was not backed out: \(finished.outcome.words).",
                remedy: "slipway-agent why \(product) --dir \(dir) shows what was seen.")
        }
    }
}

extension Agent {
    /// - Parameter rollout: in whose name; nil: by hand.
    /// - Throws: `agent.backOut.nothing`, `agent.backOut.noneGood` (R12), `agent.locked`.
    func backOut(_ product: ProductName, of rollout: RolloutID? = nil) async throws -> FinishedOrder {
        try await driveByHand()
        let record = host.record(of: product)
        guard let current = record.current else {
            throw AgentError(
                code: "notFound", summary: "This host runs nothing of \(product).",
                remedy: "slipway-agent status says what it runs.")
        }
        if let holder = record.lockedBy {
            throw AgentError(
                code: "locked", summary: "\(product) is locked since \(holder) failed to back out.",
                remedy: "Look at the host, then slipway-agent unlock \(product).")
        }
        let others = record.releases.filter { $0.release != current }
        if record.lastGood(before: current) == nil, !others.isEmpty {
            let known = others.map { "\($0.release) (\($0.standing.rawValue))" }.joined(separator: ", ")
            throw AgentError(
                code: "backOut.noneGood", summary: "None of what is on this host was proved good: \(known).",
                remedy: "Install a sound release instead.")
        }
        let order = try begin(
            OrderID(rollout: try rollout ?? RolloutID("by-hand"), action: .backOut, attempt: 1), current, nil)
        try await driveByHand()
        guard let finished = host.finished.last(where: { $0.order == order }) else {
            throw AgentError(
                code: "backOut.unfinished", summary: "The back-out of \(current) did not come to its end.",
                remedy: "Run the command again: it goes on where it stood.")
        }
        return finished
    }
}
