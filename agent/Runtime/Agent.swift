import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import ReleasePackaging
import ReleaseTrust

/// The agent of one host: owns the journal and everything that follows from it. One at a time; the loops around it
/// (push, pull, reports) only hand things in and out.
actor Agent {
    let configuration: AgentConfiguration
    let folder: AgentFolder
    let source: any ReleaseSource
    let runner: InstallationRunner
    let operations: UnitOperations
    let store: ReleaseStore
    let time: any TimeDoor
    let clock: SteadyClock
    let log: Logger
    /// Called when there is a report to send.
    nonisolated let reportsWake = Wake()
    nonisolated let ordersWake = Wake()
    /// Called when the controller takes reports again. One for each wait: of one that was waited for in a cancelled task no
    /// call is heard any more.
    private var contactWake = Wake()
    private var outcomeWake = Wake()
    /// Called when the controller asks how this host stands.
    nonisolated let factsWake = Wake()
    /// Called when the controller asks whether what runs here is healthy.
    nonisolated let healthWake = Wake()
    /// Whether somebody that this agent follows has answered it.
    nonisolated let checkIn = CheckIn()
    /// By the controller's clock.
    nonisolated let toldTime: ToldTime

    var host: HostState
    let journal: Journal
    var queue: [QueuedOrder] = []
    /// Ways back that wait for the end of a release that the same word brought. Heard again after a restart.
    var owed: [ProductName: QueuedOrder] = [:]
    /// Of an act by hand, which tells nobody anything before its end: also of a way back, what only reading follows is written
    /// down with what comes next.
    var writesLazily = false
    /// Applied, and not in the journal yet.
    private(set) var unwritten: [HostChange] = []
    /// Why the last entry could not be written to the journal; nil: it could, or another file could since.
    var journalFailure: String?
    /// The last report of what was told again to a controller that had forgotten it.
    var lastRetold: Int64 = 0
    /// The order that is being rehearsed, in installations and a back-out of their own. Heard again after a restart.
    var rehearsing: QueuedOrder?
    /// What that order's final word carries.
    var statement: HostReceiptFile?
    private let lock: DirectoryLock
    let hold: StartHold
    nonisolated let labels: LabelsInForce
    /// What came while something was installed.
    var waitingLabels: DecidedLabels?
    /// The order in progress that is not wanted any more, its word, and what tells the step that is being taken.
    var interruption: (order: OrderID, outcome: HostOutcome)?
    var interruptionWake = Wake()
    /// Why the installation in progress waits, as it was last said.
    var heldFor: String?
    /// Until when at least, as the controller was told.
    var heldUntilTold: UTCInstant?
    /// Waits for the end of what is kept running for a way back.
    var cooling: Task<Void, Never>?
    /// What was not as it was installed at the last look.
    var drift: [String] = []
    /// What was not healthy at the last look.
    var ailments: [ProductName: Ailment] = [:]
    var isAskingHealth = false

    /// Takes the lock, reads the journal and repairs what can be repaired. Starts nothing yet.
    /// - Throws: `agent.busy`: another agent runs with this folder.
    init(
        folder: AgentFolder, configuration: AgentConfiguration, source: any ReleaseSource, doors: AgentDoors,
        log: Logger
    ) throws {
        guard let lock = try folder.base.lock() else {
            throw AgentError(
                code: "busy",
                summary:
                    "Another agent\(folder.base.lockOwner().map { ", process \($0)," } ?? "") runs with the folder "
                    + "\(folder.base.path).",
                remedy: "Stop it first (`systemctl stop slipway-agent`), or use another folder.")
        }
        self.lock = lock
        self.folder = folder
        self.configuration = configuration
        self.source = source
        self.log = log
        time = doors.time
        clock = SteadyClock(doors.time)
        store = ReleaseStore(directory: try folder.releases(), root: configuration.root, units: try folder.units().path)
        labels = LabelsInForce(in: folder.base, configuration)
        operations = try doors.operations(folder: folder, configuration: configuration, labels: labels, log: log)
        let highest = HighestTime(in: folder.base, log: log)
        let toldTime = ToldTime(doors.time)
        self.toldTime = toldTime
        hold = StartHold(
            folder: folder, windows: configuration.windows ?? [], schedule: configuration.schedule,
            host: configuration.host,
            // Who follows no controller knows of no more than what was signed when.
            clockError: { now in toldTime.error(at: now) ?? highest.start(now).since(now) })
        let backups = Backups(folder: folder, root: configuration.root, now: { [time] in time.now() })
        runner = InstallationRunner(
            source: source, store: store,
            // Emptied before an order that was cut short begins again.
            downloads: BlobStore(try folder.downloads(), .scratch), operations: operations,
            activation: UnitActivation(
                hooks: operations.hooks, processes: doors.processes, configuration: configuration),
            reachability: Reachability(configuration: configuration, time: doors.time, ask: doors.reach),
            backups: backups,
            preflight: Preflight(folder: folder, configuration: configuration),
            selfUpdate: SelfUpdate(
                folder: folder.base, configuration: configuration, program: doors.program,
                processes: doors.tools ?? doors.processes, time: doors.time, checkIn: checkIn, log: log),
            reboot: RebootDoor(
                configuration: configuration, processes: doors.tools ?? doors.processes, time: doors.time,
                workingDirectory: folder.base.path), jobs: Workers.coreCount,
            ignoresStopFailure: doors.ignoresStopFailure, log: log)
        let entries: [JournalEntry]
        (journal, entries) = try Journal.open(in: folder.base)
        host = HostState()
        for entry in entries { host.apply(entry) }
    }

    /// Nothing is being installed and nothing waits to be. It answers when the actor is free to: the watchdog asks as well.
    var isIdle: Bool { host.installation == nil && queue.isEmpty }

    /// Writes down, then changes the state; with what the controller is told about it, together or not at all.
    /// - Parameter isLazy: nothing is done upon it but reading, until more is recorded; a kill before that leaves a journal
    ///   that knows nothing of it, and a host to which nothing was done. Nobody is told of it until then.
    func record(_ changes: [HostChange], isLazy: Bool = false) throws {
        var changes = changes
        if configuration.controller != nil { changes += reports(about: changes) }
        let entry = JournalEntry(at: clock.now(), changes: changes)
        if isLazy {
            unwritten += changes
            return host.apply(entry)
        }
        do { try journal.append(JournalEntry(at: entry.at, changes: unwritten + changes)) } catch {
            // Once: whoever plans is told that this host takes nothing.
            if journalFailure == nil { factsWake.call() }
            journalFailure = "\(ReportedError(error))"
            throw error
        }
        unwritten = []
        journalFailure = nil
        host.apply(entry)
        guard !host.reports.isEmpty else { return }
        reportsWake.call()
        if changes.contains(where: \.tellsOutcome) { outcomeWake.call() }
    }

    /// Writes down what waits for more, where that is not to come soon.
    func writeWaiting() throws { if !unwritten.isEmpty { try record([]) } }

    /// The reports that follow from changes, numbered on from the last one.
    private func reports(about changes: [HostChange]) -> [HostChange] {
        var next = host
        var bodies: [HostReportBody] = []
        for change in changes {
            next.apply(JournalEntry(at: clock.now(), changes: [change]))
            switch change {
            case .received(let task, _): if let body = progress(.received, of: task) { bodies.append(body) }
            case .installation(let event): bodies += report(of: event, after: next)
            case .refused(let order, _):
                bodies.append(
                    .outcome(
                        OrderOutcome(
                            order: order.order, release: order.release, outcome: order.outcome,
                            running: installed(order.release.product, next), evidence: order.failure?.evidence,
                            rehearsal: order.order == rehearsing?.order ? statement : nil)))
            default: break
            }
        }
        return bodies.enumerated().map { position, body in
            .report(report: HostReport(sequence: host.nextSequence + Int64(position), at: time.now(), body: body))
        }
    }

    private func report(of event: InstallationEvent, after next: HostState) -> [HostReportBody] {
        guard let task = host.installation?.task ?? next.installation?.task, let subject = task.subject else {
            return []
        }
        switch event {
        case .ended(let outcome, let failure, _):
            let product = subject.name.product
            return [
                .outcome(
                    OrderOutcome(
                        order: task.order, release: subject.name, outcome: outcome,
                        running: running(product, next, after: outcome),
                        evidence: failure?.evidence, unhealthyBefore: host.installation?.before.unhealthy))
            ]
        case .prepared, .confirming, .backOutStep, .backOutRetried, .recovered: return []
        default:
            guard let step = next.installation?.step else { return [] }
            return progress(step, of: task).map { [$0] } ?? []
        }
    }

    func progress(_ step: InstallationStep, of task: InstallationTask) -> HostReportBody? {
        task.subject.map { .progress(OrderProgress(order: task.order, release: $0.name, step: step)) }
    }

    /// With the health that is known of it: not of what is locked, nor of what was not healthy when it was looked at last.
    func installed(_ product: ProductName, _ state: HostState) -> InstalledRelease? {
        let record = state.record(of: product)
        return record.current.map { current in
            InstalledRelease(
                release: current.name, manifest: current.manifest,
                isHealthy: record.lockedBy == nil && ailments[product]?.release != current)
        }
    }

    /// What was just proved is healthy; what an order never touched is as it was.
    private func running(_ product: ProductName, _ state: HostState, after outcome: HostOutcome) -> InstalledRelease? {
        var found = installed(product, state)
        switch outcome {
        case .succeeded, .backedOut: found?.isHealthy = true
        case .backOutFailed: found?.isHealthy = false
        case .failed, .alreadyCurrent, .skipped, .offline, .gone, .silent, .cancelled, .superseded: break
        }
        return found
    }

    /// - Parameter system: read only where somebody waits for nothing: it takes longer than all else of a start.
    func inventory(system: HostSystem? = nil) -> HostInventory {
        let installed = host.products.keys.sorted().compactMap { self.installed($0, host) }
        return HostInventory(
            agentVersion: AgentCommand.version, machineID: MachineID.read() ?? configuration.host.text,
            delivery: configuration.delivery,
            checkInterval: configuration.delivery == .pull ? configuration.checkInterval : nil, installed: installed,
            system: system, drift: drift.isEmpty ? nil : drift,
            channels: configuration.delivery == .pull ? configuration.channels : nil, labels: labels.current)
    }

    // MARK: - Reports

    /// The next ones to send, in order: of those that the journal has.
    func pendingReports() -> [HostReport] {
        let written = host.nextSequence - Int64(unwritten.count(where: \.isReport))
        return Array(host.reports.prefix { $0.sequence < written }.prefix(HostReportBatch.reportsMax))
    }

    /// Called when something is to be told that does not wait for more; made before what there is is looked at.
    func nextOutcome() -> Wake {
        outcomeWake = Wake()
        return outcomeWake
    }

    /// What the next try waits for; made before a try, so that contact during it counts.
    func nextContact() -> Wake {
        contactWake = Wake()
        return contactWake
    }

    func contactReturned() { contactWake.call() }

    func acknowledge(_ sequence: Int64) throws {
        checkIn.note()
        guard sequence < host.nextSequence else { return try renumber(after: sequence) }
        guard host.reports.contains(where: { $0.sequence <= sequence }) else { return }
        try record([.acknowledged(sequence: sequence)])
        try shortenJournal()
    }

    /// The controller acknowledged what this host never sent: its disk is older than its identity, and what it sent was
    /// taken for repetitions. Nothing that waits is dropped; it goes out again above what the controller knows.
    private func renumber(after sequence: Int64) throws {
        guard sequence < HostReport.sequenceMax - Int64(host.reports.count) else {
            throw AgentError(
                code: "reports.sequence",
                summary: "The controller acknowledges report \(sequence), at most \(HostReport.sequenceMax) exist.",
                remedy: "The reports are kept. Retire this host at the controller and join it again.")
        }
        log.warning(
            "the controller knows newer reports of this host: was its disk restored, or is it there twice?",
            metadata: ["known": "\(sequence)", "own": "\(host.nextSequence - 1)"])
        try record([.renumbered(first: sequence + 1)])
    }

    /// Gives the folder's lock back: this agent does nothing more.
    func close() {
        cooling?.cancel()
        lock.release()
    }

    func shortenJournal() throws {
        guard unwritten.isEmpty, journal.isLong, let checkpoint = host.checkpoint else { return }
        try journal.rewrite(as: JournalEntry(at: clock.now(), changes: [.checkpoint(checkpoint: checkpoint)]))
    }
}
