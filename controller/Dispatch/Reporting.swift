import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

extension Controller {
    /// Takes a host's reports: durable before the receipt, each counted once however often it comes.
    ///
    /// A repetition is anything up to the highest sequence stored. A jump is taken (a host that lost its journal goes on
    /// above what was acknowledged), so the receipt is the highest sequence of the batch.
    func receive(_ batch: HostReportBatch, from host: HostID) throws -> HostReportReceipt {
        guard let record = state.hosts[host] else { throw ControllerError.notFound("host \(host)") }
        guard batch.reports.count <= HostReportBatch.reportsMax else {
            throw ControllerError.badRequest(
                "reports",
                "\(batch.reports.count) reports came at once, at most \(HostReportBatch.reportsMax) are taken.",
                remedy: "Send them in several batches.")
        }
        // An empty batch too says: I am here. That is no event; it is forgotten when the controller ends.
        lastSeen[host] = time.now()
        note(batch.facts, of: host)
        var last = record.lastReport
        var new: [HostReport] = []
        for report in batch.reports where report.sequence > last {
            new.append(report)
            last = report.sequence
        }
        guard !new.isEmpty else { return HostReportReceipt(acknowledged: last, renew: wantsRenewal(host) ? true : nil) }
        let now = time.now()
        var change = StoreChange(reports: new.map { StoredReport(host: host, report: $0, receivedAt: now) })
        var decisions = Decisions()
        for report in new {
            guard let command = RolloutCommand(report.body, from: host) else { continue }
            for id in state.rolloutOrder {
                guard let record = state.rollouts[id], record.contains(host) else { continue }
                if let order = report.body.order, order.rollout != id { continue }
                try decisions.decide(command, on: record, by: "host:\(host)", at: now)
            }
        }
        // One transaction: a report is never stored without what was decided upon it, nor the other way round.
        change.events = decisions.events
        try commit(change, at: now)
        if new.contains(where: \.body.isInventory) {
            try letJoin(host, isFirst: record.inventory == nil, at: now)
        }
        drive()
        return HostReportReceipt(acknowledged: last, renew: wantsRenewal(host) ? true : nil)
    }

    func checkReadiness() throws -> Int64 { store.sequence }
}

extension HostReportBody {
    fileprivate var isInventory: Bool { if case .inventory = self { true } else { false } }

    /// nil: not about an order.
    fileprivate var order: OrderID? {
        switch self {
        case .progress(let progress): progress.order
        case .outcome(let outcome): outcome.order
        case .inventory, .health: nil
        }
    }
}

extension RolloutCommand {
    /// What a report means to a rollout; nil: nothing.
    fileprivate init?(_ body: HostReportBody, from host: HostID) {
        switch body {
        case .progress(let progress): self = .progress(host, progress)
        case .outcome(let outcome): self = .outcome(host, outcome)
        case .health(let health): self = .health(host, health)
        case .inventory: return nil
        }
    }
}
