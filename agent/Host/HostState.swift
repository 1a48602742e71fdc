import AgentProtocol
import ReleaseDefinition

/// Everything a host must not forget, as the fold of its journal. Pure.
public struct HostState: Sendable, Equatable {
    /// Orders whose ids are remembered, so that none is carried out twice.
    public static let finishedMax = 512
    /// Reports that wait for a controller. Beyond it the oldest progress reports go first, outcomes never.
    public static let reportsMax = 4096

    public private(set) var products: [ProductName: ProductRecord] = [:]
    /// Oldest first.
    public private(set) var finished: [FinishedOrder] = []
    /// The one order in progress: a host activates one thing at a time.
    public private(set) var installation: Installation?
    /// Not acknowledged, by sequence.
    public private(set) var reports: [HostReport] = []
    public private(set) var nextSequence: Int64 = 1
    /// Up to here the controller has confirmed all that this host said and kept.
    public private(set) var confirmedSequence: Int64 = 0
    /// The first report that was dropped unsent since; nil: none was. To the controller all between is missing.
    public private(set) var droppedFrom: Int64?

    public init() {}

    public func record(of product: ProductName) -> ProductRecord {
        products[product] ?? ProductRecord(product: product)
    }

    public func isKnown(_ order: OrderID) -> Bool {
        installation?.task.order == order || finished.contains { $0.order == order }
    }

    public mutating func apply(_ entry: JournalEntry) {
        for change in entry.changes { apply(change, at: entry.at) }
    }

    private mutating func apply(_ change: HostChange, at now: UTCInstant) {
        switch change {
        case .received(let task, let counter):
            installation = Installation(task, at: now)
            guard let subject = task.subject else { return }
            update(subject.name.product) { $0.counter = max($0.counter, counter ?? 0) }
        case .installation(let event): applyInstallation(event, at: now)
        case .refused(let finishedOrder, let counter):
            remember(finishedOrder)
            update(finishedOrder.release.product) { $0.counter = max($0.counter, counter ?? 0) }
        case .revoked(let product, let manifests, let counter, let director):
            update(product) { record in
                if let director { record.follow(director) }
                (record.revoked, record.revocationCounter) = (manifests, counter)
            }
        case .keep(let product, let count): update(product) { $0.keep = count }
        case .adopted(let release):
            update(release.name.product) { record in
                record.current = release
                record.note(release, .good)
            }
        case .unlocked(let product): update(product) { $0.lockedBy = nil }
        case .deleted(let release):
            update(release.name.product) { record in record.releases.removeAll { $0.release == release } }
        case .report(let report):
            reports.append(report)
            nextSequence = max(nextSequence, report.sequence + 1)
            noteReported(report)
            dropProgressBeyondMax()
        case .acknowledged(let sequence):
            reports.removeAll { $0.sequence <= sequence }
            confirmedSequence = max(confirmedSequence, min(sequence, nextSequence - 1))
        case .renumbered(let first): renumberReports(from: first)
        case .cooled(let product, let unit):
            update(product) { record in
                record.warm?[unit.text] = nil
                if record.warm?.isEmpty == true { record.warm = nil }
            }
        case .checkpoint(let checkpoint): self = HostState(checkpoint)
        }
    }

    private mutating func applyInstallation(_ event: InstallationEvent, at now: UTCInstant) {
        guard var installation else { return }
        installation.apply(event, at: now)
        self.installation = installation
        let task = installation.task
        guard let subject = task.subject else { return }
        let product = subject.name.product
        switch event {
        case .staged:
            if let to = task.to { update(product) { $0.note(to, .staged) } }
        case .switched(let unit) where installation.changes.indices.contains(unit):
            update(product) { $0.giveSlot(to: installation.changes[unit]) }
        case .committed:
            update(product) { record in
                record.current = task.to
                if let to = task.to { record.note(to, .good) }
                record.takeSlots(installation.changes, isBack: false, task, at: now)
            }
        case .backingOut(let failure, _, _, _):
            // From here on the release that is being left counts as bad, even if the way back is cut short.
            let left = task.order.action == .install ? task.to : task.from
            if failure != nil, let left { update(product) { $0.note(left, .failed) } }
        case .ended(let outcome, let failure, let shown):
            finish(task, subject, outcome, failure, shown, at: now)
        default: break
        }
    }

    private mutating func finish(
        _ task: InstallationTask, _ subject: HostRelease, _ outcome: HostOutcome, _ failure: InstallationFailure?,
        _ shown: ShownLinks?, at now: UTCInstant
    ) {
        let changes = installation?.changes ?? []
        remember(
            FinishedOrder(
                order: task.order, release: subject.name, outcome: outcome, at: now, failure: failure,
                unhealthyBefore: installation?.before.unhealthy))
        installation = nil
        update(subject.name.product) { record in
            switch outcome {
            case .backedOut where task.order.action == .backOut:
                record.current = task.to
                if let from = task.from { record.note(from, .failed) }
                record.takeSlots(changes, isBack: true, task, at: now)
            // Begun on what a failed way back had left: that is left now, too.
            case .backedOut where record.current != task.from:
                record.current = task.from
                record.takeSlots(changes, isBack: true, task, at: now)
            case .backOutFailed:
                record.lockedBy = task.order
                if let shown { record.stand(on: shown, after: task, changes, at: now) }
            default: break
            }
        }
    }

    private mutating func remember(_ order: FinishedOrder) {
        finished.append(order)
        if finished.count > Self.finishedMax { finished.removeFirst(finished.count - Self.finishedMax) }
    }

    private mutating func noteReported(_ report: HostReport) {
        guard case .outcome(let word) = report.body,
            let position = finished.lastIndex(where: { $0.order == word.order })
        else { return }
        finished[position].reported = report.sequence
    }

    private mutating func update(_ product: ProductName, _ change: (inout ProductRecord) -> Void) {
        var record = record(of: product)
        change(&record)
        products[product] = record
    }

    private mutating func dropProgressBeyondMax() {
        while reports.count > Self.reportsMax,
            let index = reports.firstIndex(where: { if case .outcome = $0.body { false } else { true } })
        {
            let dropped = reports.remove(at: index).sequence
            // A gap that was confirmed over is an older one, which the host has told of since.
            droppedFrom = min(droppedFrom.flatMap { $0 > confirmedSequence ? $0 : nil } ?? dropped, dropped)
        }
    }
}

/// The whole state in one journal entry, so that a journal need not grow for ever. Only taken while nothing is in
/// progress.
public struct HostCheckpoint: Sendable, Equatable, Codable {
    public var products: [ProductRecord]
    public var finished: [FinishedOrder]
    public var reports: [HostReport]
    public var nextSequence: Int64
    /// nil: of an agent that did not keep it; all before the first report that waits.
    public var confirmedSequence: Int64?
    public var droppedFrom: Int64?
}

extension HostState {
    /// nil while an installation is in progress.
    public var checkpoint: HostCheckpoint? {
        guard installation == nil else { return nil }
        return HostCheckpoint(
            products: products.values.sorted { $0.product < $1.product }, finished: finished, reports: reports,
            nextSequence: nextSequence, confirmedSequence: confirmedSequence, droppedFrom: droppedFrom)
    }

    public init(_ checkpoint: HostCheckpoint) {
        for record in checkpoint.products { products[record.product] = record }
        finished = checkpoint.finished
        reports = checkpoint.reports
        nextSequence = min(max(checkpoint.nextSequence, 1), HostReport.sequenceMax)
        let confirmed = checkpoint.confirmedSequence ?? (reports.first?.sequence ?? nextSequence) - 1
        confirmedSequence = min(max(confirmed, 0), nextSequence - 1)
        droppedFrom = checkpoint.droppedFrom
    }

    private mutating func renumberReports(from first: Int64) {
        let first = min(max(first, nextSequence), HostReport.sequenceMax - Int64(reports.count))
        for index in reports.indices {
            reports[index].sequence = first + Int64(index)
            noteReported(reports[index])
        }
        nextSequence = first + Int64(reports.count)
        confirmedSequence = first - 1
    }
}
