import AgentProtocol
import ArgumentParser
import Effects
import ReleaseDefinition

struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Show what was seen when the latest order of a product ended as it did.")

    @Argument(
        help: "The product, or an order as slipway-agent history shows it; the latest order where it is left out.")
    var subject: String?

    @Option(help: "The agent's folder; /var/lib/slipway-agent, if left out.", transform: Directory.named)
    var dir = "/var/lib/slipway-agent"

    @Option(help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let (view, state) = try StatusView.read(AgentFolder.open(dir))
        let matching = state.finished.filter { one in
            guard let subject else { return true }
            return one.release.product.text == subject || one.order.description == subject
                || one.release.description == subject
        }
        // What a locked host refused since says nothing of what locked it.
        let locking = matching.last { one in view.products.contains { $0.lockedBy == one.order } }
        let found = locking ?? matching.last
        guard let found else {
            throw AgentError(
                code: "notFound", summary: "This host has finished no order\(subject.map { " of \($0)" } ?? "").",
                remedy: "slipway-agent history lists the orders it knows.")
        }
        switch output {
        case .json: try Output.data(JSONCoding.value(of: found).prettyBytes)
        case .table: try Output.data(Array(words(found, view).utf8))
        }
    }

    private func words(_ order: FinishedOrder, _ view: StatusView) -> String {
        var lines = ["\(order.order): \(order.release) ended at \(order.at.wholeSeconds): \(order.outcome.words)"]
        if let product = view.products.first(where: { $0.product == order.release.product }) {
            let health = product.running == nil || product.isHealthy ? "" : ", not healthy"
            lines.append("runs now: \(product.running?.description ?? "nothing")\(health)")
            if let links = product.links { lines.append("its links: \(links)") }
            if let holder = product.lockedBy {
                lines.append(
                    "locked by \(holder), which could not go back: when the host is right, stop the agent and "
                        + "slipway-agent unlock \(product.product) takes orders again")
            }
        }
        guard let failure = order.failure else { return (lines + ["nothing failed"]).joined(separator: "\n") + "\n" }
        let evidence = failure.evidence
        lines.append("failed in \(evidence.step.rawValue) (\(failure.failureClass.rawValue)): \(evidence.error)")
        if let error = evidence.backOutError { lines.append("then the back-out failed: \(error)") }
        if !evidence.logTail.isEmpty {
            lines.append("--- what was seen before anything was restored ---")
            lines.append(evidence.logTail)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
