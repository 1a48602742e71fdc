import AgentProtocol
import ControllerAPI
import ReleaseDefinition
import ReleaseRollout
import Synchronization

/// A batch that waits for the next transaction.
struct WaitingBatch: Sendable {
    let host: HostID
    let reports: [HostReport]
    /// Of each report, as the record will hold it: made before its turn, which is everybody's.
    let bytes: [[UInt8]]
    let facts: HostFacts?
    /// The host itself sent it: it was seen.
    let isContact: Bool
    let answer: CheckedContinuation<HostReportReceipt, any Error>
}

/// Batches that came since the last transaction began. Not the actor's: who brings one does not wait for the disk first.
final class ReportIntake: Sendable {
    /// So many batches share one transaction: what a flush to the disk costs is paid once for all that came meanwhile.
    private static let batchesMax = 512
    private let waiting = Mutex<[WaitingBatch]>([])

    /// - Returns: true for the first: somebody must take them.
    func add(_ batch: WaitingBatch) -> Bool {
        waiting.withLock { waiting in
            waiting.append(batch)
            return waiting.count == 1
        }
    }

    /// - Returns: whether there are more: they must be taken too.
    func take() -> (batches: [WaitingBatch], isMore: Bool) {
        waiting.withLock { waiting in
            let batches = Array(waiting.prefix(Self.batchesMax))
            waiting.removeFirst(batches.count)
            return (batches, !waiting.isEmpty)
        }
    }
}

extension Controller {
    /// Takes a host's reports: durable before the receipt, each counted once however often it comes.
    ///
    /// A repetition is anything up to the highest sequence stored. A jump is taken (a host that lost its journal goes on
    /// above what was acknowledged), so the receipt is the highest sequence of the batch.
    ///
    /// An empty batch too says: I am here. That is no event; it is forgotten when the controller ends.
    nonisolated func receive(_ batch: HostReportBatch, from host: HostID) async throws -> HostReportReceipt {
        try await store(batch.reports, of: host, facts: batch.facts, isContact: true)
    }

    /// - Parameter isContact: the host brought them itself.
    nonisolated func store(
        _ reports: [HostReport], of host: HostID, facts: HostFacts? = nil, isContact: Bool
    ) async throws -> HostReportReceipt {
        guard reports.count <= HostReportBatch.reportsMax else {
            throw ControllerError.badRequest(
                "reports", "\(reports.count) reports came at once, at most \(HostReportBatch.reportsMax) are taken.",
                remedy: "Send them in several batches.")
        }
        // Most are no outcome, and need no turn on the actor before theirs.
        let hasOutcome = reports.contains(where: \.body.isOutcome)
        let reports = hasOutcome ? try await offLoop { try await takeRehearsals(in: reports, of: host) } : reports
        let bytes = try reports.map { try StoredReport.bytes(of: $0) }
        return try await withCheckedThrowingContinuation { answer in
            let isFirst = intake.add(
                WaitingBatch(
                    host: host, reports: reports, bytes: bytes, facts: facts, isContact: isContact, answer: answer))
            // What comes until the actor is free joins it.
            // Of all hosts whose words wait, whoever brought the first.
            if isFirst { ChangeTerms.$current.withValue(nil) { _ = Task { await self.storeWaitingBatches() } } }
        }
    }

    private func takeRehearsals(in reports: [HostReport], of host: HostID) throws -> [HostReport] {
        LoopExecutor.expectElsewhere()
        guard let record = state.hosts[host] else { throw ControllerError.notFound("host \(host)") }
        return try reports.filter { $0.sequence > record.lastReport }.map { try takeRehearsal(in: $0, of: host) }
    }

    /// - Returns: false for one that is answered already: its host is not believed any more, or says nothing new.
    private func letIn(_ batch: WaitingBatch, at now: UTCInstant) -> Bool {
        guard let host = state.hosts[batch.host] else {
            batch.answer.resume(throwing: ControllerError.notFound("host \(batch.host)"))
            return false
        }
        // It was believed when it began to send.
        if let refusal = ControllerError.refusal(of: host.id, host.identity.standing) {
            batch.answer.resume(throwing: refusal)
            return false
        }
        if batch.isContact {
            lastSeen[batch.host] = now
            note(batch.facts, of: batch.host)
        }
        guard batch.reports.contains(where: { $0.sequence > host.lastReport }) else {
            batch.answer.resume(returning: receipt(of: batch, host.lastReport, before: host.heardThrough))
            return false
        }
        return true
    }

    private func receipt(of batch: WaitingBatch, _ last: Int64, before: Int64) -> HostReportReceipt {
        HostReportReceipt(
            acknowledged: last, before: batch.isContact ? before : nil,
            renew: batch.isContact && wantsRenewal(batch.host) ? true : nil,
            facts: batch.isContact && factsWanted.contains(batch.host) ? true : nil,
            labels: batch.isContact && !hub.isOnline(batch.host) ? labelsWord(for: batch.host) : nil,
            sentAt: batch.isContact ? time.now() : nil)
    }

    private func storeWaitingBatches() {
        let (all, isMore) = intake.take()
        if isMore { Task { self.storeWaitingBatches() } }
        let now = time.now()
        let batches = all.filter { letIn($0, at: now) }
        var (group, firsts, attempts) = (ReportGroup(), [HostID](), 0)
        while true {
            group = ReportGroup(of: batches, in: state, at: now, others: { self.others(than: $0) })
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
                for (batch, _, _) in group.taken { batch.answer.resume(throwing: error) }
                for (batch, error) in group.refused { batch.answer.resume(throwing: error) }
                return
            }
        }
        for host in group.inventories {
            do {
                try letJoin(host, isFirst: firsts.contains(host), at: now)
                try noteChannels(of: host)
                tellLabels(host)
            } catch {
                logger.error("a host did not join", metadata: ["host": "\(host)", "error": "\(ReportedError(error))"])
            }
        }
        if !group.reports.isEmpty { drive() }
        for (batch, last, before) in group.taken {
            batch.answer.resume(returning: receipt(of: batch, last, before: before))
        }
        for (batch, error) in group.refused { batch.answer.resume(throwing: error) }
    }

    /// Hosts whose reports were turned away wait longer from try to try: they are told when it is over.
    func noteRecord(_ use: RecordUse, isWritten: Bool) {
        guard isWritten else {
            failedUses.insert(use)
            return
        }
        guard failedUses.remove(use) != nil, failedUses.isEmpty else { return }
        pausedRollouts = [:]
        hub.sendToAll(.ready, sequence: store.sequence)
    }
}

/// What a controller writes to the record, and notices when it cannot.
enum RecordUse: Hashable, Sendable {
    /// Its place among those that share the record, every two seconds.
    case place
    /// Decisions, reports and documents.
    case log
}

/// Reports of several hosts, and what was decided upon them, one on top of the other.
private struct ReportGroup {
    private(set) var decisions = Decisions()
    private(set) var reports: [StoredReport] = []
    /// With the highest sequence that its host is told, and the one that was there before.
    private(set) var taken: [(batch: WaitingBatch, last: Int64, before: Int64)] = []
    private(set) var refused: [(WaitingBatch, any Error)] = []
    /// Who said what it runs, in order.
    private(set) var inventories: [HostID] = []
    private var highest: [HostID: Int64] = [:]

    init() {}

    /// - Parameter others: asked where the engine compares with them, which is seldom.
    init(
        of batches: [WaitingBatch], in state: FleetState, at now: UTCInstant, others: (RolloutRecord) -> OtherHosts
    ) {
        var refused: [Int: any Error] = [:]
        // Again from the beginning where one is refused: the others' are none the worse for it, and a copy of what was decided
        // before each would cost all hosts of a rollout.
        adding: while true {
            self = ReportGroup()
            for (number, batch) in batches.enumerated() where refused[number] == nil {
                do { try add(batch, to: state, at: now, others) } catch {
                    refused[number] = error
                    continue adding
                }
            }
            break
        }
        self.refused = refused.sorted { $0.key < $1.key }.map { (batches[$0.key], $0.value) }
    }

    private mutating func add(
        _ batch: WaitingBatch, to state: FleetState, at now: UTCInstant, _ others: (RolloutRecord) -> OtherHosts
    ) throws {
        let host = batch.host
        let before = highest[host] ?? state.hosts[host]?.heardThrough ?? 0
        var last = highest[host] ?? state.hosts[host]?.lastReport ?? 0
        var new: [StoredReport] = []
        for (report, bytes) in zip(batch.reports, batch.bytes) where report.sequence > last {
            new.append(StoredReport(host: host, report: report, receivedAt: now, made: bytes))
            last = report.sequence
            guard let command = RolloutCommand(report.body, from: host) else { continue }
            for id in report.body.order.map({ [$0.rollout] }) ?? state.rolloutOrder {
                guard let record = state.rollouts[id], record.contains(host) else { continue }
                var command = command
                if case .health(_, let health, _) = command, !health.running.isHealthy,
                    health.running.manifest == record.plan?.manifest, record.rollout.comparesHealth(at: now)
                {
                    command = .health(host, health, others: others(record))
                }
                try decisions.decide(command, on: record, by: "host:\(host)", at: now)
            }
        }
        highest[host] = last
        reports += new
        if new.contains(where: \.report.body.isInventory), !inventories.contains(host) { inventories.append(host) }
        taken.append((batch, last, before))
    }
}

extension HostReportBody {
    fileprivate var isInventory: Bool { if case .inventory = self { true } else { false } }
    fileprivate var isOutcome: Bool { if case .outcome = self { true } else { false } }

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
