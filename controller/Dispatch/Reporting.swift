import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout

/// A batch that waits for the next transaction.
struct WaitingBatch: Sendable {
    let host: HostID
    let reports: [HostReport]
    let answer: CheckedContinuation<Int64, any Error>
}

extension Controller {
    /// So many batches share one transaction: what a flush to the disk costs is paid once for all that came meanwhile.
    static let batchesMax = 512

    /// Takes a host's reports: durable before the receipt, each counted once however often it comes.
    ///
    /// A repetition is anything up to the highest sequence stored. A jump is taken (a host that lost its journal goes on
    /// above what was acknowledged), so the receipt is the highest sequence of the batch.
    func receive(_ batch: HostReportBatch, from host: HostID) async throws -> HostReportReceipt {
        // An empty batch too says: I am here. That is no event; it is forgotten when the controller ends.
        guard state.hosts[host] != nil else { throw ControllerError.notFound("host \(host)") }
        lastSeen[host] = time.now()
        note(batch.facts, of: host)
        let last = try await store(batch.reports, of: host)
        return HostReportReceipt(
            acknowledged: last, renew: wantsRenewal(host) ? true : nil, facts: factsWanted.contains(host) ? true : nil)
    }

    /// - Returns: the highest sequence that is stored now.
    func store(_ reports: [HostReport], of host: HostID) async throws -> Int64 {
        guard let record = state.hosts[host] else { throw ControllerError.notFound("host \(host)") }
        guard reports.count <= HostReportBatch.reportsMax else {
            throw ControllerError.badRequest(
                "reports", "\(reports.count) reports came at once, at most \(HostReportBatch.reportsMax) are taken.",
                remedy: "Send them in several batches.")
        }
        guard reports.contains(where: { $0.sequence > record.lastReport }) else { return record.lastReport }
        let reports = try reports.filter { $0.sequence > record.lastReport }
            .map { try takeRehearsal(in: $0, of: host) }
        return try await withCheckedThrowingContinuation { answer in
            waitingBatches.append(WaitingBatch(host: host, reports: reports, answer: answer))
            // What comes until the actor is free joins it.
            if waitingBatches.count == 1 { Task { self.storeWaitingBatches() } }
        }
    }

    private func storeWaitingBatches() {
        let batches = Array(waitingBatches.prefix(Self.batchesMax))
        waitingBatches.removeFirst(batches.count)
        if !waitingBatches.isEmpty { Task { self.storeWaitingBatches() } }
        let now = time.now()
        var (group, firsts, attempts) = (ReportGroup(), [HostID](), 0)
        while true {
            group = ReportGroup()
            for batch in batches { group.add(batch, to: state, at: now) }
            firsts = group.inventories.filter { state.hosts[$0]?.inventory == nil }
            do {
                // One transaction: a report is never stored without what was decided upon it, nor the other way round.
                if !group.reports.isEmpty {
                    try commit(StoreChange(events: group.decisions.events, reports: group.reports), at: now)
                }
                break
            } catch let error as ControllerError where error.isOvertaken && attempts < 10 {
                attempts += 1
            } catch {
                for (batch, _) in group.taken { batch.answer.resume(throwing: error) }
                for (batch, error) in group.refused { batch.answer.resume(throwing: error) }
                return
            }
        }
        for host in group.inventories {
            do {
                try letJoin(host, isFirst: firsts.contains(host), at: now)
                try noteChannels(of: host)
            } catch {
                logger.error("a host did not join", metadata: ["host": "\(host)", "error": "\(ReportedError(error))"])
            }
        }
        drive()
        for (batch, last) in group.taken { batch.answer.resume(returning: last) }
        for (batch, error) in group.refused { batch.answer.resume(throwing: error) }
    }

    struct ReadinessCheck: Sendable {
        var name: String
        var isGood: Bool
    }

    /// What a balancer wants to know before it sends anybody here.
    func readiness() -> [ReadinessCheck] {
        func check(_ name: String, _ body: () throws -> Void) -> ReadinessCheck {
            ReadinessCheck(name: name, isGood: (try? body()) != nil)
        }
        return [
            check("record") { try store.ping() },
            check("repository") { _ = try folder.repository().status("metadata") },
            ReadinessCheck(name: "engine", isGood: isRunning),
        ]
    }
}

/// Reports of several hosts, and what was decided upon them, one on top of the other.
private struct ReportGroup {
    private(set) var decisions = Decisions()
    private(set) var reports: [StoredReport] = []
    /// With the highest sequence that its host is told.
    private(set) var taken: [(WaitingBatch, Int64)] = []
    private(set) var refused: [(WaitingBatch, any Error)] = []
    /// Who said what it runs, in order.
    private(set) var inventories: [HostID] = []
    private var highest: [HostID: Int64] = [:]

    mutating func add(_ batch: WaitingBatch, to state: FleetState, at now: UTCInstant) {
        let host = batch.host
        var last = highest[host] ?? state.hosts[host]?.lastReport ?? 0
        var (decisions, new) = (decisions, [HostReport]())
        do {
            for report in batch.reports where report.sequence > last {
                new.append(report)
                last = report.sequence
                guard let command = RolloutCommand(report.body, from: host) else { continue }
                for id in state.rolloutOrder {
                    guard let record = state.rollouts[id], record.contains(host) else { continue }
                    if let order = report.body.order, order.rollout != id { continue }
                    try decisions.decide(command, on: record, by: "host:\(host)", at: now)
                }
            }
        } catch {
            // The others' are none the worse for it.
            refused.append((batch, error))
            return
        }
        self.decisions = decisions
        highest[host] = last
        reports += new.map { StoredReport(host: host, report: $0, receivedAt: now) }
        if new.contains(where: \.body.isInventory), !inventories.contains(host) { inventories.append(host) }
        taken.append((batch, last))
    }
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
